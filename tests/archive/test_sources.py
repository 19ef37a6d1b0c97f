"""What a walk reads and what a table may hold."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from auricle.archive import sources
from auricle.archive.search import Hit
from auricle.core.errors import InputError, SoundError
from auricle.core.paths import is_missing
from auricle.listen.heads import read_examples
from auricle.present.hits_export import export
from auricle.signal.formats import SUFFIXES
from auricle.signal.opening import open_file


def _touch(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


def test_linked_folders_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    root, inside = tmp_path / "root", _touch(tmp_path / "root" / "z" / "a.wav")
    _touch(tmp_path / "elsewhere" / "b.wav")
    (root / "away").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(root / "z")
    (root / "z" / "loop").symlink_to(root)
    assert set(sources.find_recordings([str(root)]).files) == {inside, str(root / "away" / "b.wav")}


def test_hidden_names_are_read_only_when_named(tmp_path: Path) -> None:
    hidden, seen = _touch(tmp_path / ".git" / "a.wav"), _touch(tmp_path / "b.wav")
    dotted = _touch(tmp_path / ".c.wav")
    assert set(sources.find_recordings([str(tmp_path)]).files) == {seen}
    assert set(sources.find_recordings([str(tmp_path / ".git"), dotted]).files) == {hidden, dotted}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,place\na.wav,x\nb.wav,y,z\n", "line 3: has 3 cells for 2 columns"),
        ("file,place\na.wav\n", "line 2: has 1 cell for 2 columns"),
        ("file,place\na.wav,x\nb.wav,y\n./a.wav,z\n", "lines 2 and 4 are both for a.wav and differ"),
        ("file,place,place\na.wav,x,y\n", "'place' more than once"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "files.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=said):
        sources.find_recordings([str(table)])


def test_tables_of_parts_name_their_recordings_once(tmp_path: Path) -> None:
    """What `auricle search --export` writes is read again: as csv, as a Raven table and as Audacity label tracks."""
    first, second = _touch(tmp_path / "a.wav"), _touch(tmp_path / "b.wav")
    hits = [Hit(file, onset, onset + 2.5, 0.5, ("rain",)) for file, onset in ((first, 0.0), (first, 5.0), (second, 1.5))]
    for name in ("hits.csv", "hits.raven.txt"):
        export(hits, tmp_path / name, what="rain", rates={hit.file: 16_000 for hit in hits})
        assert set(sources.find_recordings([str(tmp_path / name)]).files) == {first, second}
    export(hits, tmp_path / "hits.txt", what="rain", rates={hit.file: 16_000 for hit in hits})
    assert set(sources.find_recordings([str(tmp_path / f"hits - {name}.txt") for name in "ab"]).files) == {first, second}
    (tmp_path / "parts.csv").write_text("file;site;onset\na.wav;yard;1,5\na.wav;yard;3\nb.wav;wood;0\n")
    found = sources.find_recordings([str(tmp_path / "parts.csv")]).files
    assert found == {first: '{"site": "yard"}', second: '{"site": "wood", "onset": "0"}'}


def test_rows_that_say_the_same_are_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,site\na.wav,yard\na.wav,yard\n")
    assert sources.find_recordings([str(tmp_path / "t.csv")]).files == {str(tmp_path / "a.wav"): '{"site": "yard"}'}


@pytest.fixture
def shut() -> Iterator[Path]:
    """A folder with open/a.wav, shut/b.wav and a user who may not read shut, even where the tests are run by root."""
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), os.geteuid()
        _touch(folder / "open" / "a.wav")
        _touch(folder / "shut" / "b.wav")
        folder.chmod(0o755)
        (folder / "shut").chmod(0)
        try:
            if user == 0:
                os.seteuid(65534)
            yield folder
        finally:
            os.seteuid(user)
            (folder / "shut").chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="a system without users' permissions")
def test_a_folder_without_permission_is_told_once_and_the_others_are_read(shut: Path) -> None:
    for places in ([str(shut)], [str(shut), str(shut / "shut")]):
        found = sources.find_recordings(places)
        assert set(found.files) == {str(shut / "open" / "a.wav")} and found.unreadable == (str(shut / "shut"),)
    assert not is_missing(shut / "shut" / "b.wav") and not is_missing(shut / "shut" / "c.wav")
    with pytest.raises(InputError, match="does not exist"):
        sources.find_recordings([str(shut / "shut" / "b.wav")])
    assert [example.labels for example in read_examples(shut, SUFFIXES)] == [("open",), ("shut",)]
    with pytest.raises(SoundError, match=r"shut: may not be read; change its permissions"):
        open_file(shut / "shut")
