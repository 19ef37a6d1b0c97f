"""Files are whole or not there: on full and read-only disks, after any failure, for any name; and the error names the file."""

from __future__ import annotations

import ast
import errno
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auricle.core import files
from auricle.core.errors import AuricleError, ModelError, WriteError


def test_a_file_is_written_with_the_mode_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a.txt", "one\r\ntwo é\n")
        with files.atomic_folder(tmp_path / "folder") as folder:
            (folder / "secret").touch(mode=0o600)  # as safetensors writes
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").read_bytes() == "one\r\ntwo é\n".encode()
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"a.txt": 0o640, "folder": 0o750, "secret": 0o640}


@pytest.mark.parametrize("failure", [RuntimeError("in the middle"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_whatever_fails_the_old_file_stays_and_nothing_else(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(WriteError if isinstance(failure, OSError) else type(failure)), files.atomic_file(path) as partial:
        partial.write_text("half")
        raise failure
    assert [left.name for left in tmp_path.iterdir()] == ["a.txt"] and path.read_text() == "old"


@pytest.mark.parametrize("failure", [RuntimeError("in the middle"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
@pytest.mark.parametrize("writer", ["replace", "new", "files"])
def test_whatever_fails_the_old_folder_stays_and_nothing_else(tmp_path: Path, failure: BaseException, writer: str) -> None:
    place = tmp_path / "model"
    if writer == "replace":
        place.mkdir()
        (place / "config.json").write_text("old")
    writing = (
        files.atomic_files(place, last="config.json") if writer == "files" else files.atomic_folder(place, replace=writer == "replace")
    )
    with pytest.raises(WriteError if isinstance(failure, OSError) else type(failure)), writing as partial:
        (partial / "config.json").write_text("half")
        raise failure
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == (
        ["model", "model/config.json"] if writer == "replace" else []
    )


def test_a_folder_replaces_an_older_one_whole_or_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "model"
    place.mkdir()
    (place / "old").touch()
    with pytest.raises(WriteError, match=r"model: is a folder that is not empty"), files.atomic_folder(place) as partial:
        (partial / "new").touch()
    assert [path.name for path in place.iterdir()] == ["old"]
    with files.atomic_folder(place, replace=True) as partial:
        (partial / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "new"]


def test_files_that_belong_together_leave_others_and_the_last_comes_last(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("old")
    (tmp_path / "other").write_text("kept")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "foreign").touch()  # in the way of the file a: the others are moved, the last is not
    with pytest.raises(WriteError), files.atomic_files(tmp_path, last="b.json") as partial:
        for name in ("a", "b.json", "c"):
            (partial / name).write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "other"]


def test_a_link_is_followed_and_a_pipe_gets_the_content(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    files.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_text()))
    reader.start()
    files.write_text(tmp_path / "pipe", "through")
    reader.join(timeout=10)
    assert found == ["through"] and (tmp_path / "pipe").is_fifo()
    files.write_text("/dev/null", "gone")
    assert Path("/dev/null").is_char_device()


NAMES: dict[str, Callable[[Path], tuple[str, str]]] = {
    "a name of 300 letters": lambda tmp: (str(tmp / ("n" * 300)), "the name is too long; wanted at most 255 bytes"),
    "NUL": lambda tmp: (str(tmp / "a\0b"), r"a\0b: a file name cannot hold the character NUL"),
    "a folder": lambda tmp: (str(tmp), "is a folder; wanted the name of a file"),
    "no folder above": lambda tmp: (str(tmp / "none" / "a.txt"), "there is no such file or folder"),
    "a file above": lambda tmp: (str(tmp / "file" / "a.txt"), "a part of the path is a file"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("write", [lambda path: files.write_text(path, "x"), files.check_writable], ids=["write", "check"])
def test_names_that_cannot_be_written_are_one_line(tmp_path: Path, name: str, write: Callable[[str], None]) -> None:
    (tmp_path / "file").touch()
    path, wanted = NAMES[name](tmp_path)
    with pytest.raises(WriteError) as told:
        write(path)
    assert wanted in str(told.value) and "\n" not in str(told.value) and "\0" not in str(told.value) and len(str(told.value)) < 500
    assert [left.name for left in tmp_path.iterdir()] == ["file"]


def test_a_name_of_255_bytes_is_written(tmp_path: Path) -> None:
    name = "é" * 127 + "x"
    files.write_text(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_without_permission_the_error_says_so() -> None:
    """Root may write anywhere, so as root the user is another one for a moment."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        os.chmod(folder, 0o555)
        if user == 0:
            os.seteuid(65_534)
        try:
            for write in (files.check_writable, lambda path: files.write_text(path, "x"), files.make_folder):
                with pytest.raises(WriteError) as told:
                    write(f"{folder}/a.txt")
                assert str(told.value) == f"{folder}/a.txt: permission denied; change the permissions, or choose another place"
        finally:
            os.seteuid(user)
            os.chmod(folder, 0o755)
        assert os.listdir(folder) == []


def test_a_read_only_file_system_is_named() -> None:
    with pytest.raises(WriteError, match=r"^/proc/auricle\.txt: "):
        files.write_text("/proc/auricle.txt", "x")


def test_a_file_over_the_limit_of_the_process_leaves_nothing(tmp_path: Path) -> None:
    code = "import sys; from auricle.core import files; files.write_bytes(sys.argv[1], bytes(100_000))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "big")],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )
    assert f"{tmp_path / 'big'}: the file is larger than" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (RuntimeError("lance error: IO: No space left on device (os error 28), lance-io/src/x.rs:9"), errno.ENOSPC),
        (ValueError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device"), errno.ENOSPC),
        (OSError(errno.EROFS, "x"), errno.EROFS),
        (ValueError("28"), None),
    ],
)
def test_refusals_that_libraries_quote_are_recognised(error: Exception, number: int | None) -> None:
    found = files.find_os_error(error)
    assert (None if found is None else found.errno) == number


def test_our_own_errors_and_errors_about_other_files_keep_what_they_say(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its own words"), files.write_errors(tmp_path):
        raise ModelError("its own words (os error 2)")
    with pytest.raises(AuricleError, match=r"other\.wav: there is no such file"), files.write_errors(tmp_path):
        (tmp_path / "other.wav").read_bytes()


#: Files that are no content of anybody's: function -> why it writes by itself.
OWN = {
    "auricle/archive/store.py _locked": "a lock",
    "auricle/bench/embeddings.py open_source": "a member of a shard in the system's temporary folder, for as long as it is read",
    "auricle/core/download.py _open_locked": "a download, which is resumed",
    "auricle/data/corpora/gm_instruments.py published": "a temporary folder for rendered notes",
    "auricle/data/corpora/gm_instruments.py render": "notes for a program, in a temporary folder",
    "auricle/data/waves.py _locked": "a lock",
    "auricle/data/waves.py _decode_member": "a member of a shard in the system's temporary folder, for as long as it is read",
    "auricle/serve/service.py lifespan": "a temporary folder for uploads",
    "auricle/serve/uploads.py __init__": "an upload, in a temporary folder",
    "auricle/serve/uploads.py receive_upload": "a temporary folder for an upload",
    "auricle/signal/quiet.py silence_native_stderr": "the error stream",
    "auricle/train/log.py add": "a line at the end of a log, of which readers take whole lines alone",
    "recipes/tiny/ship.py run_side_by_side": "the output of a process, at the end of its log",
    "recipes/synthetic/build.py build": "a function of the recipe that writes the table by write_text",
    "recipes/synthetic/music.py render": "notes for a program, in a temporary folder",
    "recipes/synthetic/voices.py _espeak": "a temporary folder for a program",
    "recipes/synthetic/voices.py _flite": "a text for a program, in a temporary folder",
    "recipes/tiny/archives.py main": "a temporary folder for archives",
}
ROOT = Path(__file__).parents[2]
MAKERS = {"mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile", "TemporaryDirectory", "copyfile", "copy2", "copytree", "move"}
WRITERS = {"savez", "savez_compressed", "save_file", "write_table", "ParquetWriter"}


def _is_writing(call: ast.Call) -> bool:
    """A call that may write a file: by the name of what is called, and by how it is called where the name has other meanings."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if name in ("replace", "rename", "renames", "link", "symlink"):
        return owner == "os" or (len(call.args) == 1 and not call.keywords and "dataclasses" not in owner)
    if name == "open":
        modes = [value.value for value in (*call.args, *(word.value for word in call.keywords)) if isinstance(value, ast.Constant)]
        return any(isinstance(mode, str) and set(mode) <= set("rwxabt+") and set(mode) & set("wxa+") for mode in modes)
    if name in ("write", "save"):
        return owner in ("soundfile", "np", "torch", "program", "tokenizer")
    if name in ("write_text", "write_bytes", "save_model"):
        return bool(owner)  # the functions of auricle.core.files and auricle.recipes.result_folder are called by their names alone
    return name in MAKERS | WRITERS or (name == "dump" and owner in ("json", "pickle"))


def _given(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names of what `auricle.core.files` gave, which a function gets as its argument `partial`; of streams opened to it; of memory."""
    found = {argument.arg for argument in function.args.args if argument.arg == "partial"}
    for node in ast.walk(function):
        if isinstance(node, ast.withitem) and re.search("atomic_|partial", ast.unparse(node.context_expr)):
            found |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "io.BytesIO()":
            found |= {ast.unparse(target) for target in node.targets}
    return found


def _writers() -> Iterator[tuple[str, str]]:
    """Where a file is written, and the call: not into what `auricle.core.files` gave, nor into memory."""
    for path in sorted([*ROOT.glob("auricle/**/*.py"), *ROOT.glob("recipes/**/*.py")]):
        if path == ROOT / "auricle" / "core" / "files.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            given = _given(function)
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and _is_writing(call):
                    names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
                    if not names & given or ast.unparse(call.func).endswith((".replace", ".rename")):
                        yield f"{path.relative_to(ROOT)} {function.name}", ast.unparse(call)


def test_nobody_else_writes() -> None:
    found = list(_writers())
    assert [each for each in found if each[0] not in OWN] == []
    assert {place for place, _ in found} == set(OWN), "an exception that is needed no more"


def test_a_finished_file_is_moved_into_place(tmp_path: Path) -> None:
    part, target = tmp_path / "file.part", tmp_path / "file"
    part.write_text("new")
    target.write_text("old")
    files.move_file(part, target)
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]
    with pytest.raises(WriteError):
        files.move_file(target, tmp_path / "absent" / "file")
    assert target.read_text() == "new"
