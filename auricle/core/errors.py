"""Exceptions of auricle. A message says what came, what was wanted and what to do."""

from __future__ import annotations


class AuricleError(Exception):
    """Base class of all errors that auricle raises. The message is one line and names the file or argument."""

    def __str__(self) -> str:
        return super().__str__().replace("\n", r"\n").replace("\r", r"\r")  # file names and messages of libraries may have several lines


class SoundError(AuricleError):
    """A file or an array that cannot be processed: missing, empty, undecodable, not finite."""


class ModelError(AuricleError):
    """A model folder that cannot be used: missing parts, another format version, weights that do not fit."""


class InputError(AuricleError):
    """An argument that cannot be used, such as an empty label or an unknown preset."""


class WriteError(AuricleError):
    """A file or folder that cannot be written: no space, no permission, an invalid name."""


class ArchiveError(AuricleError):
    """An archive that cannot be used: missing, made by another model, or locked by another writer."""


class MissingPackage(AuricleError):  # noqa: N818  public name
    """A package of an extra is needed and not installed; the message names it and the pip command."""
