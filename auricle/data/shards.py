"""Tar shards as WebDataset lays them out: (Item, bytes) in, plain tars out, read one after another and never whole.

The files of one clip lie side by side and share their name up to its first dot: the sound, and a .json or a .txt about it. Ours
keep the fields of an Item under "item", beside "text" and "tag", which is where LAION's shards have captions and labels; those of
others are read by these two alone. Nothing of a tar is ever written to disk, and every size in it is checked before it is believed.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, product
from pathlib import Path
from typing import Any, BinaryIO, cast

from auricle.core.errors import InputError
from auricle.core.files import atomic_file, make_folder
from auricle.data.item import Caption, Item, of_record, to_record
from auricle.signal.formats import SUFFIXES

#: Endings by which a member is a sound; what is in it decides how it is decoded.
SOUNDS = frozenset(suffix[1:] for suffix in SUFFIXES)
LARGEST_SOUND = 1 << 30  # bytes of one sound
LARGEST_TEXT = 1 << 24  # bytes of what is said of one, and of a header
MOST_SHARDS = 100_000
_RANGE = re.compile(r"\{(\d{1,12})\.\.(\d{1,12})\}")
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Place:
    """Where the bytes of a member lie in its tar."""

    name: str
    offset: int
    size: int


def expand(pattern: str | Path) -> list[Path]:
    """`a-{000..002}.tar` -> a-000.tar, a-001.tar, a-002.tar; digits as many as the range's first number has."""
    parts = _RANGE.split(str(pattern))  # text, first, last, text, first, last, ..., text
    ranges = [range(int(first), int(last) + 1) for first, last in zip(parts[1::3], parts[2::3], strict=True)]
    count = math.prod(map(len, ranges))
    if not 1 <= count <= MOST_SHARDS:
        raise InputError(f"{pattern}: its ranges name {count} shards; wanted 1 to {MOST_SHARDS}")
    numbers = [[f"{number:0{len(first)}d}" for number in each] for first, each in zip(parts[1::3], ranges, strict=True)]
    return [Path("".join(chain(*zip(parts[::3], (*chosen, ""), strict=True)))) for chosen in product(*numbers)]


def items(pattern: str | Path) -> Iterator[Item]:
    """Items of shards in their order, without reading any sound."""
    for item, _, _ in _clips(pattern):
        yield item


def stream(pattern: str | Path) -> Iterator[tuple[Item, bytes]]:
    """Items of shards in their order, each with the bytes of its sound file."""
    for item, place, file in _clips(pattern):
        yield item, _bytes(file, place)


def places(path: Path) -> dict[str, Place]:
    """Where each file of a shard lies, by its name in it."""
    with _opened(path) as file:
        return {place.name: place for place in _members(path, file)}


def sound(path: Path, place: Place) -> bytes:
    """The bytes of one file of a shard."""
    with _opened(path) as file:
        return _bytes(file, place)


def write(folder: Path, items: Iterable[Item], *, name: str = "clips", most: int = 1000) -> list[Path]:
    """Shards NAME-000000.tar and so on under folder with `most` clips each; every one is written whole or not at all."""
    if most < 1:
        raise InputError(f"shards of {most} clips; wanted at least 1")
    left, written = iter(items), list[Path]()
    while batch := list(islice(left, most)):
        written.append(folder / f"{name}-{len(written):06d}.tar")
        write_one(written[-1], batch)
    return written


def write_one(path: Path, items: Iterable[Item]) -> None:
    """One shard. A clip keeps its whole file, with `start` and `end` beside it. The same items give the same bytes."""
    make_folder(path.parent)
    with atomic_file(path) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
        for number, item in enumerate(items):
            ending = Path(item.member or item.audio).suffix.lower()
            if ending[1:] not in SOUNDS:
                raise InputError(f"{item.id}: its file ends in {ending!r}; wanted one of {', '.join(sorted(SOUNDS))}")
            _add(tar, f"{number:09d}{ending}", _file(item))
            _add(tar, f"{number:09d}.json", json.dumps(_told(item), ensure_ascii=False).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))


def _file(item: Item) -> bytes:
    if item.member:
        held = places(item.audio)
        if item.member not in held:
            raise InputError(f"{item.audio}: holds no {item.member}, the sound of {item.id}")
        return sound(item.audio, held[item.member])
    try:
        if (size := os.path.getsize(item.audio)) > LARGEST_SOUND:
            raise InputError(f"{item.audio}: has {size} bytes; wanted at most {LARGEST_SOUND} for a clip of a shard")
        return item.audio.read_bytes()
    except OSError as error:
        raise InputError(f"{item.audio}: cannot be read ({error.strerror or error}); it is the sound of {item.id}") from error


def _told(item: Item) -> dict[str, Any]:
    record = {name: value for name, value in to_record(item, Path("/")).items() if name not in ("audio", "member")}
    return {"text": [caption.text for caption in item.captions], "tag": list(item.labels), "item": record}


def _clips(pattern: str | Path) -> Iterator[tuple[Item, Place, BinaryIO]]:
    for path in expand(pattern):
        with _opened(path) as file:
            for key, parts in _groups(_members(path, file)):
                try:
                    item, place = _item(Path(os.path.abspath(path)), key, parts, file)
                except InputError as error:
                    raise InputError(f"{path}: {key}: {error}") from None
                yield item, place, file


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a tar shard") from error


def _groups(members: Iterable[Place]) -> Iterator[tuple[str, dict[str, Place]]]:
    """The files of each clip by their ending in small letters; clips are told apart by their name up to its first dot."""
    key, parts = "", dict[str, Place]()
    for place in members:
        folder, name = os.path.split(place.name)
        stem, _, ending = name.partition(".")
        if not stem or not ending:  # hidden files and those without an ending belong to no clip
            continue
        if (now := os.path.join(folder, stem)) != key:
            if parts:
                yield key, parts
            key, parts = now, {}
        parts[ending.lower().rpartition(".")[2]] = place
    if parts:
        yield key, parts


def _item(path: Path, key: str, parts: Mapping[str, Place], file: BinaryIO) -> tuple[Item, Place]:
    sounds = [ending for ending in parts if ending in SOUNDS]
    if len(sounds) != 1:
        raise InputError(f"has {len(sounds)} sounds among {', '.join(parts)}; wanted one, such as {key}.flac")
    place = parts[sounds[0]]
    told = _object(_bytes(file, parts["json"], LARGEST_TEXT)) if "json" in parts else {}
    if "item" in told:
        if not isinstance(told["item"], Mapping):
            raise InputError('"item" is no object; wanted the fields of a clip')
        return of_record({**told["item"], "audio": str(path), "member": place.name}, path.parent), place
    said, tags = (_texts(told, name) for name in ("text", "tag"))
    if "txt" in parts:
        said.append(_bytes(file, parts["txt"], LARGEST_TEXT).decode("utf-8", "replace").strip())
    captions = tuple(Caption(text) for text in said if text.strip())
    return Item(id=f"{path.stem}/{key}", audio=path, captions=captions, labels=tuple(tags), member=place.name), place


def _object(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"its json is not usable ({' '.join(str(error).split())[:80]})") from None
    if not isinstance(told, dict):
        raise InputError(f"its json is a {type(told).__name__}; wanted an object")
    return told


def _texts(told: Mapping[str, Any], name: str) -> list[str]:
    value = told.get(name) or []
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{name} is {str(value)[:40]!r}; wanted text or a list of texts")
    return list(value)


def _bytes(file: BinaryIO, place: Place, most: int = LARGEST_SOUND) -> bytes:
    if place.size > most:
        raise InputError(f"{place.name} has {place.size} bytes; wanted at most {most}")
    file.seek(place.offset)
    content = file.read(place.size)
    if len(content) < place.size:
        raise InputError(f"{place.name} ends after {len(content)} of {place.size} bytes; the tar is cut, get it again")
    return content


class _Headers(io.RawIOBase):
    """A tar as tarfile sees it: it may read headers, but nothing that is larger than a header can be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_TEXT:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _members(path: Path, file: BinaryIO) -> Iterator[Place]:
    """The plain files of a tar in order. InputError where it is damaged, cut, or holds anything but files and folders."""
    length = os.fstat(file.fileno()).st_size
    try:
        with tarfile.open(fileobj=_Headers(file), mode="r:") as tar:
            while (member := tar.next()) is not None:
                cast(Any, tar).members.clear()  # or every header that was read is kept
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise InputError(f"{path}: {member.name[:80]!r} is a link, a device or a sparse file; wanted plain files")
                if not 0 <= member.size <= length - member.offset_data:
                    raise InputError(f"{path}: {member.name[:80]!r} claims {member.size} bytes and has fewer; the tar is cut")
                yield Place(member.name, member.offset_data, member.size)
            file.seek(tar.offset)
            if file.read(_BLOCK) != bytes(_BLOCK):  # tarfile takes a damaged header, or a missing end, as the end
                raise InputError(f"{path}: is damaged or cut at byte {tar.offset}; get it again")
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: is not usable as a tar ({' '.join(str(error).split())[:80]})") from None
