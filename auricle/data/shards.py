"""Tar shards in WebDataset's layout: read as a stream of items with the bytes of their sounds, and written.

The files of one clip are adjacent and share their name up to its first dot: the sound, and a .json or .txt with its metadata. Our shards
have the fields of an Item under "item", besides "text" and "tag", where LAION's shards have captions and labels; of other shards only
these two are read. Nothing of a tar is extracted to disk, and every size in it is checked against the file.
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
from auricle.data.item import Caption, Item, from_record, to_record
from auricle.signal.formats import SUFFIXES

#: Extensions of sounds; the decoder is chosen by the content.
SOUNDS = frozenset(suffix[1:] for suffix in SUFFIXES)
MAX_SOUND_BYTES = 1 << 30  # bytes of one sound
MAX_TEXT_BYTES = 1 << 24  # bytes of the metadata of one sound, and of a tar header
MAX_SHARDS = 100_000
_RANGE = re.compile(r"\{(\d{1,12})\.\.(\d{1,12})\}")
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Member:
    """A file in a tar: its name, the offset of its bytes and their number."""

    name: str
    offset: int
    size: int


def expand(pattern: str | Path) -> list[Path]:
    """`a-{000..002}.tar` -> a-000.tar, a-001.tar, a-002.tar; zero-padded like the first number of the range. InputError for too many."""
    parts = _RANGE.split(str(pattern))  # text, first, last, text, first, last, ..., text
    ranges = [range(int(first), int(last) + 1) for first, last in zip(parts[1::3], parts[2::3], strict=True)]
    count = math.prod(map(len, ranges))
    if not 1 <= count <= MAX_SHARDS:
        raise InputError(f"{pattern}: its ranges name {count} shards; wanted 1 to {MAX_SHARDS}")
    numbers = [[f"{number:0{len(first)}d}" for number in each] for first, each in zip(parts[1::3], ranges, strict=True)]
    return [Path("".join(chain(*zip(parts[::3], (*chosen, ""), strict=True)))) for chosen in product(*numbers)]


def items(pattern: str | Path) -> Iterator[Item]:
    """Iterate over the items of shards in their order, without reading any sound."""
    for item, _, _ in _clips(pattern):
        yield item


def stream(pattern: str | Path) -> Iterator[tuple[Item, bytes]]:
    """Iterate over the items of shards in their order, each with the bytes of its sound file."""
    for item, member, file in _clips(pattern):
        yield item, _read_bytes(file, member)


def list_members(path: Path) -> dict[str, Member]:
    """List the files of a shard by name."""
    with _open(path) as file:
        return {member.name: member for member in _members(path, file)}


def read_member(path: Path, member: Member) -> bytes:
    """Read the bytes of one file of a shard."""
    with _open(path) as file:
        return _read_bytes(file, member)


def write(folder: Path, items: Iterable[Item], *, name: str = "clips", clips_per_shard: int = 1000) -> list[Path]:
    """Write shards NAME-000000.tar and so on under folder, each whole or not at all. Returns their paths."""
    if clips_per_shard < 1:
        raise InputError(f"shards of {clips_per_shard} clips; wanted at least 1")
    remaining, written = iter(items), list[Path]()
    while batch := list(islice(remaining, clips_per_shard)):
        written.append(folder / f"{name}-{len(written):06d}.tar")
        write_one(written[-1], batch)
    return written


def write_one(path: Path, items: Iterable[Item]) -> None:
    """Write one shard. A clip is stored as its whole file with `start` and `end`; the output is reproducible byte for byte."""
    make_folder(path.parent)
    with atomic_file(path) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
        for number, item in enumerate(items):
            ending = Path(item.member or item.audio).suffix.lower()
            if ending[1:] not in SOUNDS:
                raise InputError(f"{item.id}: its file ends in {ending!r}; wanted one of {', '.join(sorted(SOUNDS))}")
            _add(tar, f"{number:09d}{ending}", _sound_bytes(item))
            _add(tar, f"{number:09d}.json", json.dumps(_metadata(item), ensure_ascii=False).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))


def _sound_bytes(item: Item) -> bytes:
    if item.member:
        members = list_members(item.audio)
        if item.member not in members:
            raise InputError(f"{item.audio}: contains no {item.member}, the sound of {item.id}")
        return read_member(item.audio, members[item.member])
    try:
        if (size := os.path.getsize(item.audio)) > MAX_SOUND_BYTES:
            raise InputError(f"{item.audio}: has {size} bytes; wanted at most {MAX_SOUND_BYTES} for a clip of a shard")
        return item.audio.read_bytes()
    except OSError as error:
        raise InputError(f"{item.audio}: cannot be read ({error.strerror or error}); it is the sound of {item.id}") from error


def _metadata(item: Item) -> dict[str, Any]:
    record = {name: value for name, value in to_record(item, Path("/")).items() if name not in ("audio", "member")}
    return {"text": [caption.text for caption in item.captions], "tag": list(item.labels), "item": record}


def _clips(pattern: str | Path) -> Iterator[tuple[Item, Member, BinaryIO]]:
    for path in expand(pattern):
        with _open(path) as file:
            for key, parts in _group_by_clip(_members(path, file)):
                try:
                    item, member = _read_item(Path(os.path.abspath(path)), key, parts, file)
                except InputError as error:
                    raise InputError(f"{path}: {key}: {error}") from None
                yield item, member, file


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a tar shard") from error


def _group_by_clip(members: Iterable[Member]) -> Iterator[tuple[str, dict[str, Member]]]:
    """Group members by clip: (name up to the first dot, members by lower-case extension)."""
    key, parts = "", dict[str, Member]()
    for member in members:
        folder, name = os.path.split(member.name)
        stem, _, ending = name.partition(".")
        if not stem or not ending:  # hidden files and those without an extension belong to no clip
            continue
        if (now := os.path.join(folder, stem)) != key:
            if parts:
                yield key, parts
            key, parts = now, {}
        parts[ending.lower().rpartition(".")[2]] = member
    if parts:
        yield key, parts


def _read_item(path: Path, key: str, parts: Mapping[str, Member], file: BinaryIO) -> tuple[Item, Member]:
    sounds = [ending for ending in parts if ending in SOUNDS]
    if len(sounds) != 1:
        raise InputError(f"has {len(sounds)} sounds among {', '.join(parts)}; wanted exactly one, such as {key}.flac")
    member = parts[sounds[0]]
    metadata = _parse_object(_read_bytes(file, parts["json"], MAX_TEXT_BYTES)) if "json" in parts else {}
    if "item" in metadata:
        if not isinstance(metadata["item"], Mapping):
            raise InputError('"item" is not an object; wanted the fields of a clip')
        return from_record({**metadata["item"], "audio": str(path), "member": member.name}, path.parent), member
    texts, tags = (_texts(metadata, name) for name in ("text", "tag"))
    if "txt" in parts:
        texts.append(_read_bytes(file, parts["txt"], MAX_TEXT_BYTES).decode("utf-8", "replace").strip())
    captions = tuple(Caption(text) for text in texts if text.strip())
    return Item(id=f"{path.stem}/{key}", audio=path, captions=captions, labels=tuple(tags), member=member.name), member


def _parse_object(content: bytes) -> dict[str, Any]:
    try:
        metadata = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"its json is not usable ({' '.join(str(error).split())[:80]})") from None
    if not isinstance(metadata, dict):
        raise InputError(f"its json is a {type(metadata).__name__}; wanted an object")
    return metadata


def _texts(metadata: Mapping[str, Any], name: str) -> list[str]:
    value = metadata.get(name) or []
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{name} is {str(value)[:40]!r}; wanted text or a list of texts")
    return list(value)


def _read_bytes(file: BinaryIO, member: Member, limit: int = MAX_SOUND_BYTES) -> bytes:
    if member.size > limit:
        raise InputError(f"{member.name} has {member.size} bytes; wanted at most {limit}")
    file.seek(member.offset)
    content = file.read(member.size)
    if len(content) < member.size:
        raise InputError(f"{member.name} ends after {len(content)} of {member.size} bytes; the tar is truncated, download it again")
    return content


class _HeaderReader(io.RawIOBase):
    """The file object for tarfile: refuses reads that are larger than a header may be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_TEXT_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _members(path: Path, file: BinaryIO) -> Iterator[Member]:
    """The regular files of a tar in order. InputError where it is damaged, truncated, or has other members than files and folders."""
    length = os.fstat(file.fileno()).st_size
    try:
        with tarfile.open(fileobj=_HeaderReader(file), mode="r:") as tar:
            while (member := tar.next()) is not None:
                cast(Any, tar).members.clear()  # tarfile would keep every header in memory
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise InputError(f"{path}: {member.name[:80]!r} is a link, a device or a sparse file; wanted plain files")
                if not 0 <= member.size <= length - member.offset_data:
                    raise InputError(f"{path}: {member.name[:80]!r} should have {member.size} bytes and has fewer; the tar is truncated")
                yield Member(member.name, member.offset_data, member.size)
            file.seek(tar.offset)
            if file.read(_BLOCK) != bytes(_BLOCK):  # tarfile treats a damaged header or a missing end as the end
                raise InputError(f"{path}: is damaged or truncated at byte {tar.offset}; download it again")
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: is not usable as a tar ({' '.join(str(error).split())[:80]})") from None
