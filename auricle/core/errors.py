"""Errors that a user can act on: what came, what was wanted, what to do."""

from __future__ import annotations


class AuricleError(Exception):
    """Base of every error that auricle raises on purpose. The message is one line and names the thing at fault."""

    def __str__(self) -> str:
        return super().__str__().replace("\n", r"\n").replace("\r", r"\r")  # file names and what libraries say may have several


class SoundError(AuricleError):
    """A file or an array that cannot be heard: missing, empty, undecodable, not finite."""


class ModelError(AuricleError):
    """A model folder that cannot be used: missing parts, another format version, weights that do not fit."""


class InputError(AuricleError):
    """An argument that cannot be used, such as an empty label or an unknown preset."""


class WriteError(AuricleError):
    """A file or folder that cannot be written: no space, no permission, a name that the system refuses."""


class ArchiveError(AuricleError):
    """An archive that cannot be used as asked: none there, another model's, held by another writer."""


class MissingPackage(AuricleError):  # noqa: N818  reads as what it is
    """A task needs a package of an extra that is not installed; the message says which and how to get it."""
