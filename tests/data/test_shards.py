from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.core.errors import InputError
from auricle.data import shards
from auricle.data.item import Caption, Item
from auricle.data.manifest import read


def wav(seconds: float = 0.01) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(round(8000 * seconds)), 8000, format="WAV")
    return buffer.getvalue()


def tar(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as made:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                made.addfile(content)
            else:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                made.addfile(entry, io.BytesIO(content))
    return path


def made(folder: Path, count: int) -> list[Item]:
    items = []
    for number in range(count):
        (folder / f"{number}.wav").write_bytes(wav(0.01 + 0.001 * number))
        items.append(Item(f"clip {number}", folder / f"{number}.wav", captions=(Caption(f"sound {number}"),), labels=("dog",), source="s"))
    return items


def test_ranges_are_written_out() -> None:
    assert [path.name for path in shards.expand("x-{008..010}.tar")] == ["x-008.tar", "x-009.tar", "x-010.tar"]
    assert [str(path) for path in shards.expand("{0..1}/{0..1}.tar")] == ["0/0.tar", "0/1.tar", "1/0.tar", "1/1.tar"]
    for bad in ("x-{3..1}.tar", "x-{0..999999999}.tar", "{0..99999}{0..99999}.tar"):
        with pytest.raises(InputError, match="100000"):
            shards.expand(bad)


def test_shards_are_read_as_they_were_written(tmp_path: Path) -> None:
    items = made(tmp_path, 5)
    written = shards.write(tmp_path / "out", items, name="x", clips_per_shard=2)
    assert [path.name for path in written] == ["x-000000.tar", "x-000001.tar", "x-000002.tar"]
    pattern = tmp_path / "out" / "x-{000000..000002}.tar"
    streamed = list(shards.stream(pattern))
    assert [content for _, content in streamed] == [item.audio.read_bytes() for item in items]
    assert [(item.id, item.captions, item.labels, item.source) for item, _ in streamed] == [
        (item.id, item.captions, item.labels, item.source) for item in items
    ]
    assert read(pattern) == [item for item, _ in streamed]
    again = shards.write(tmp_path / "again", read(pattern), name="x", clips_per_shard=2)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]
    with tarfile.open(written[0]) as held:  # as LAION's readers have it
        told = json.loads(held.extractfile("000000000.json").read())
    assert told["text"] == ["sound 0"] and told["tag"] == ["dog"]


def test_shards_of_others(tmp_path: Path) -> None:
    members = {
        "./one/000.x.flac": b"sound 0",
        "./one/000.json": json.dumps({"text": ["a dog", "a hound"], "tag": ["dog"], "original_data": {"id": 4}}).encode(),
        "./one/001.FLAC": b"sound 1",
        "./one/001.txt": b"a cat\n",
        "./one/.hidden": b"",
        "./one/README": b"no clip",
        "./two/001.mp3": b"sound 2",
        "./two/001.json": b'{"text": "rain"}',
    }
    path = tar(tmp_path / "laion.tar", members)
    found = list(shards.stream(path))
    assert [item.id for item, _ in found] == ["laion/./one/000", "laion/./one/001", "laion/./two/001"]
    assert [[caption.text for caption in item.captions] for item, _ in found] == [["a dog", "a hound"], ["a cat"], ["rain"]]
    assert found[0][0].labels == ("dog",) and [content for _, content in found] == [b"sound 0", b"sound 1", b"sound 2"]
    assert found[0][0].member == "./one/000.x.flac"


def entry(name: str, kind: bytes, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"a.wav": entry("a.wav", tarfile.SYMTYPE, link="/etc/passwd")}, "a link, a device or a sparse file"),
        ({"a.wav": entry("a.wav", tarfile.LNKTYPE, link="b.wav")}, "a link, a device or a sparse file"),
        ({"a.wav": entry("a.wav", tarfile.CHRTYPE)}, "a link, a device or a sparse file"),
        ({"a.wav": entry("a.wav", tarfile.FIFOTYPE)}, "a link, a device or a sparse file"),
        ({"a.json": b"{}"}, "has 0 sounds among json"),
        ({"a.wav": b"x", "a.flac": b"x"}, "has 2 sounds among wav, flac"),
        ({"a.wav": b"x", "a.json": b"[1]"}, "its json is a list"),
        ({"a.wav": b"x", "a.json": b"{nope"}, "its json is not usable"),
        ({"a.wav": b"x", "a.json": b"[" * 100_000}, "its json is not usable"),
        ({"a.wav": b"x", "a.json": b'{"text": 3}'}, "text is '3'"),
        ({"a.wav": b"x", "a.json": b'{"item": {"id": ""}}'}, ""),
        ({"a.wav": b"x", "a.json": b'{"item": {"start": -1}}'}, "not a finite number of seconds"),
        ({"a.wav": b"x", "a.json": b'{"item": 1}'}, '"item" is not an object'),
    ],
)
def test_hostile_members(tmp_path: Path, members: dict[str, bytes | tarfile.TarInfo], said: str) -> None:
    path = tar(tmp_path / "x.tar", members)
    if not said:
        assert [item.id for item in shards.items(path)] == [str(path)]
        return
    with pytest.raises(InputError) as raised:
        list(shards.items(path))
    assert str(path) in str(raised.value) and said in str(raised.value)


def test_names_that_climb_stay_names(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tar(tmp_path / "in" / "x.tar", {"../../climbed.wav": b"one", "/root.wav": b"two"})
    before = sorted(tmp_path.rglob("*"))
    assert [content for _, content in shards.stream(path)] == [b"one", b"two"]
    shards.write(tmp_path / "in", shards.items(path), name="y")
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "in" / "y-000000.tar"])


def damaged(tmp_path: Path) -> tuple[Path, bytes]:
    path = tar(tmp_path / "x.tar", {"a.wav": bytes(1000), "b.wav": bytes(1000)})
    return path, path.read_bytes()


def test_cut_and_damaged_shards_are_told(tmp_path: Path) -> None:
    path, whole = damaged(tmp_path)
    for length in (100, 600, 1536, 1700, 2500, 3072):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"x\.tar: .*(truncated|usable)"):
            list(shards.items(path))
    broken = bytearray(whole)
    broken[1536 + 200] ^= 1  # in the second header
    path.write_bytes(broken)
    with pytest.raises(InputError, match="damaged or truncated at byte 1536"):
        list(shards.items(path))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
@pytest.mark.parametrize("size", [1 << 40, -512])
def test_sizes_that_lie_are_not_believed(tmp_path: Path, kind: bytes, size: int) -> None:
    header = entry("a.wav", kind)
    header.size = 0
    raw = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    raw[124:136] = bytes([0x80 if size > 0 else 0xFF]) + (size % (1 << 88)).to_bytes(11, "big")
    raw[148:156] = b" " * 8
    raw[148:156] = f"{sum(raw):06o}\0 ".encode()
    path = tmp_path / "x.tar"
    path.write_bytes(bytes(raw) + bytes(4096))
    with pytest.raises(InputError, match=r"x\.tar"):
        list(shards.items(path))


def test_large_sounds_and_texts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MAX_TEXT_BYTES", 1000)
    path = tar(tmp_path / "x.tar", {"a.wav": b"x", "a.json": b" " * 1001})
    with pytest.raises(InputError, match=r"a\.json has 1001 bytes; wanted at most 1000"):
        list(shards.items(path))


def test_missing_sounds_and_shards(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is the sound of clip"):
        shards.write(tmp_path, [Item("clip", tmp_path / "none.wav")])
    with pytest.raises(InputError, match=r"x-001\.tar: cannot be read"):
        tar(tmp_path / "x-000.tar", {"a.wav": b"x"})
        read(tmp_path / "x-{000..001}.tar")
    with pytest.raises(InputError, match=r"ends in '\.exe'"):
        shards.write(tmp_path, [Item("clip", tmp_path / "a.exe")])
    assert not list(tmp_path.glob("clips-*"))
