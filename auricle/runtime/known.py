"""Published checkpoints that can be named: a table of facts with their sources (known.json), download, and check of the files.

A file is downloaded only by `get`, into the folder of its model in the cache; a file that somebody puts there by hand is used like a
downloaded one. Every address was read in the publisher's own repository or model card, as `source` says. A SHA-256 is the publisher's where
`sha256_by` is "publisher"; "auricle" is the copy that a record in docs/results was measured with; without one a file is unverified.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from auricle.core.cache import cache_folder
from auricle.core.config import Strict
from auricle.core.errors import InputError, ModelError
from auricle.core.files import make_folder
from auricle.core.units import megabytes

if TYPE_CHECKING:
    from auricle.core.download import Progress

_TABLE = Path(__file__).with_name("known.json")
_TOLERANCE = 1.5  # factor between a rounded or estimated size and the real one, at most
_SLACK = 100_000  # bytes by which a small file may be larger than its rounded size

#: What a model answers: tags, events with times, embeddings of audio, and labels in any words (zero-shot).
Answer = Literal["tags", "events", "embeddings", "words"]
_Line = Annotated[str, Field(min_length=1, pattern=r"^[^\n]+$")]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][\w.=-]*$")]
_Https = Annotated[str, Field(pattern=r"^https://[^\s]+$")]


class Figure(Strict):
    """A published figure: what was measured, its value (a share, 0 to 1), and where it was read."""

    what: _Line
    value: Annotated[float, Field(ge=0, le=1)]
    source: _Line


class File(Strict):
    """A file of a model.

    url: None where the publisher has no direct link; KnownModel.page then leads to it. source: where the address was read. size: in bytes,
    None if unknown. exact: the size is that of the file, not rounded or estimated from its parameters. size_source: where it is from.
    sha256_by: who states the SHA-256, the publisher or auricle. sha256_source: where it stands.
    """

    name: _Name
    url: _Https | None = None
    source: _Line
    size: Annotated[int, Field(gt=0)] | None = None
    exact: bool = False
    size_source: _Line | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    sha256_by: Literal["publisher", "auricle"] | None = None
    sha256_source: _Line | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len({self.sha256 is None, self.sha256_by is None, self.sha256_source is None}) > 1:
            raise ValueError(f"{self.name}: a SHA-256 needs who states it, and where")
        if (self.size is None) != (self.size_source is None) or (self.size is None and self.url is not None):
            raise ValueError(f"{self.name}: a size needs its source, and a download needs a size")
        return self

    @property
    def limits(self) -> tuple[int, int | None]:
        """Smallest and largest size of the file, in bytes; None for no limit."""
        if self.size is None:
            return 1, None
        return (self.size, self.size) if self.exact else (int(self.size / _TOLERANCE), int(self.size * _TOLERANCE) + _SLACK)

    @property
    def verification(self) -> str:
        """How the content is checked, in words."""
        if self.sha256 is None:
            return "unverified: the publisher states no SHA-256"
        by = (
            "stated by the publisher"
            if self.sha256_by == "publisher"
            else "of the copy measured in auricle's records; the publisher states none"
        )
        return f"SHA-256 {by}"


class KnownModel(Strict):
    """A published checkpoint.

    format: name of its format (models.convert). labels: number of its own labels. page: where a person finds the files, if they have no
    direct link. files: the weights first.
    """

    name: _Name
    title: _Line
    format: _Line
    licence: _Line
    licence_source: _Line
    repository: _Https
    paper: _Https
    answers: Annotated[tuple[Answer, ...], Field(min_length=1)]
    labels: Annotated[int, Field(ge=0)] = 0
    figures: tuple[Figure, ...] = ()
    page: _Https | None = None
    files: Annotated[tuple[File, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.page is None and any(file.url is None for file in self.files):
            raise ValueError(f"{self.name}: a file without a direct link needs a page")
        return self

    @property
    def folder(self) -> Path:
        """Folder of its files in the cache. It may not exist yet."""
        return cache_folder("published") / self.name

    @property
    def weights(self) -> Path:
        """What is converted: the weights, or the folder where they come with a config.json."""
        return self.folder if any(file.name == "config.json" for file in self.files) else self.folder / self.files[0].name

    @property
    def size(self) -> int | None:
        """Size of all files in bytes, None if unknown."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def has_links(self) -> bool:
        """Whether all files have a direct link, so that `get` can download them."""
        return all(file.url is not None for file in self.files)

    @property
    def is_here(self) -> bool:
        """Whether all files are in the cache."""
        return not self.missing

    @property
    def missing(self) -> list[File]:
        """Files that are not in the cache."""
        return [file for file in self.files if not (self.folder / file.name).is_file()]

    def how_to_get(self) -> str:
        """How to get the files without `get`: their addresses, and where to put them."""
        missing = self.missing or self.files
        if not all(file.url for file in missing):
            return f"download {_names(missing)} in a browser by the links of {self.page}, to the folder {self.folder}"
        return f"download {' and '.join(str(file.url) for file in missing)} as {_names(missing)} to the folder {self.folder}"


class Fetched(Strict):
    """A file that is in place. is_new: it was downloaded by this call."""

    file: File
    sha256: str
    is_new: bool


@functools.cache
def models() -> dict[str, KnownModel]:
    """The table: name -> model, in its order."""
    try:
        listed = TypeAdapter(tuple[KnownModel, ...]).validate_json(_TABLE.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(f"{_TABLE}: cannot be read ({error}); install auricle again") from error
    return {model.name: model for model in listed}


def find(name: str) -> Path:
    """Path of the weights of a known model; the sizes of its files are checked. ModelError where they are not in the cache, or wrong."""
    model = models()[name]
    if not model.is_here:
        way = f"get it with: auricle models get {name} ({describe_size(model)}); or" if model.has_links else "it has no direct link;"
        raise ModelError(f"{name} is a published model that is not on this machine; {way} {model.how_to_get()}")
    for file in model.files:
        _check_size(model, file)
    return model.weights


def check_hashes(name: str) -> None:
    """Check the SHA-256 of the files of a known model, where one is stated. ModelError where a file has another one."""
    from auricle.core.download import file_hash  # imported here, since a model by path needs no network

    model = models()[name]
    for file in model.files:
        if file.sha256 is not None and (digest := file_hash(model.folder / file.name)) != file.sha256:
            raise ModelError(
                f"{model.folder / file.name}: its SHA-256 is {digest}; wanted {file.sha256}, that of the published file; "
                f"remove it, then {_again(model)}"
            )


def get(name: str, *, progress: Progress | None = None) -> list[Fetched]:
    """Download the files of a known model that are not in the cache, or damaged there. Returns all of its files.

    InputError for an unknown name; ModelError where a file cannot be downloaded, which says where it is and where to put it, or is not the
    published one.
    """
    if name not in models():
        raise InputError(f"no published model {name!r} is listed; wanted one of {', '.join(models())}")
    model = models()[name]
    return [_get_file(model, file, progress) for file in model.files]


def describe_size(model: KnownModel) -> str:
    """Size of a model's files in words."""
    if model.size is None:
        return "size not stated"
    return f"{'' if all(file.exact for file in model.files) else 'about '}{megabytes(model.size)}"


def _get_file(model: KnownModel, file: File, progress: Progress | None) -> Fetched:
    from auricle.core.download import DownloadError, fetch, file_hash

    path = model.folder / file.name
    if path.is_file():
        digest, (least, most) = file_hash(path), file.limits
        if file.sha256 in (None, digest) and least <= path.stat().st_size <= (most or path.stat().st_size):
            return Fetched(file=file, sha256=digest, is_new=False)
    if file.url is None or (most := file.limits[1]) is None:
        make_folder(model.folder)
        raise ModelError(f"{model.name} has no direct link; {model.how_to_get()}; then use it as: -m {model.name}")
    try:
        digest = fetch(file.url, path, most=most, size=file.size if file.exact else None, sha256=file.sha256, progress=progress)
    except DownloadError as error:
        others = [str(other.url) for other in model.missing if other is not file]
        also = f", {' and '.join(others)} likewise" if others else ""
        raise ModelError(
            f"{error}; try again, or download it in another way, as {file.name} to the folder {model.folder}{also}, "
            f"and use it as: -m {model.name}"
        ) from error
    return Fetched(file=file, sha256=digest, is_new=True)


def _check_size(model: KnownModel, file: File) -> None:
    path, (least, most) = model.folder / file.name, file.limits
    size = path.stat().st_size
    if size < least or (most is not None and size > most):
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise ModelError(f"{path}: has {size} bytes; wanted {wanted}, as published; remove it, then {_again(model)}")


def _again(model: KnownModel) -> str:
    return f"get it again: auricle models get {model.name}" if model.has_links else model.how_to_get()


def _names(files: Sequence[File]) -> str:
    return " and ".join(file.name for file in files)
