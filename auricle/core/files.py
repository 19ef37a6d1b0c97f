"""Content in, files out: whole or not at all, and one line that names the file where it cannot be written.

Content goes to a temporary name beside the target, onto the disk, and is then renamed over the target: a reader, a crash or a full disk
never meets half a file. Modes are those of any new file (0666 and 0777 less the umask). Every file of auricle is written here.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auricle.core.errors import AuricleError, WriteError

#: End of the temporary names; what lies under such a name was left by a process that was killed.
PARTIAL = ".partial"
_KEPT_OF_NAME = 40  # letters of the target's name in the temporary one, which must not be longer than a file system takes
#: Error number -> what is wrong, and what to do.
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space, or choose another place",
    errno.EDQUOT: "the disk quota is used up; free some space, or choose another place",
    errno.EFBIG: "the file is larger than the file system or a limit of this process allows; choose another place, or raise the limit",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.EACCES: "permission denied; change the permissions, or choose another place",
    errno.EPERM: "the operation is not permitted; change the permissions, or choose another place",
    errno.EISDIR: "is a folder; wanted the name of a file",
    errno.ENOTDIR: "a part of the path is a file; wanted folders above the last name",
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.ENOTEMPTY: "is a folder that is not empty; choose a new one",
    errno.ENAMETOOLONG: "the name is too long; wanted at most 255 bytes a name (about 80 letters of Chinese)",
    errno.ELOOP: "the symbolic links form a loop; choose another place",
}
_QUOTED = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)  # how safetensors, LanceDB and Arrow quote the system


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; it replaces `path` when the block ends well, and is removed otherwise.

    A symbolic link is followed; a device or a pipe, such as /dev/stdout, is written to itself. WriteError where the operating system
    refuses; the folder must exist.
    """
    with _begun(path) as (target, partial):
        mode = partial.stat().st_mode
        yield partial
        if partial != target:
            _settle(partial, mode)
            partial.replace(target)


def check_writable(path: str | Path) -> None:
    """WriteError where `atomic_file` could not write to `path`, as far as that can be told before there is any content."""
    with _begun(path):
        pass


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file, whole or not at all. WriteError where the operating system refuses."""
    with atomic_file(path) as partial:
        partial.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a file in UTF-8, whole or not at all; line ends stay as they are. WriteError where the operating system refuses."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def atomic_folder(path: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """A temporary folder to fill; it becomes `path` when the block ends well, and is removed otherwise.

    Folders above are made. replace: an older folder there is removed once the new one is whole; without it, it must be empty.
    WriteError where the operating system refuses.
    """
    target = Path(path)
    with naming(path), _filled(make_folder(target.parent), target.name) as partial:
        yield partial
        _settle_all(partial)
        old = target.with_name(_temporary(target.name))
        if replace and target.is_dir():
            target.rename(old)
        partial.rename(target)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def atomic_files(folder: Path, *, last: str) -> Iterator[Path]:
    """A temporary folder to fill with files that belong together; they are moved into `folder` when the block ends well.

    last: the file that is moved last, so that where it is, all are; an older one is removed before any other is replaced. What else
    `folder` holds stays. WriteError where the operating system refuses.
    """
    if not folder.exists():
        with atomic_folder(folder) as partial:
            yield partial
        return
    with naming(folder), _filled(folder, "") as partial:
        yield partial
        _settle_all(partial)
        (folder / last).unlink(missing_ok=True)
        for file in sorted(partial.iterdir(), key=lambda file: (file.name != last, file.name), reverse=True):  # x.data before x
            file.replace(folder / file.name)


def make_folder(path: str | Path) -> Path:
    """Make a folder and those above it; one that is there is kept. WriteError where the operating system refuses."""
    with naming(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Turns what the operating system refuses inside the block, however a library words it, into a WriteError that names `path`.

    An error that names another file keeps that name.
    """
    try:
        yield
    except AuricleError:
        raise
    except Exception as error:
        refused = refusal(error)
        if refused is None:
            raise
        raise WriteError(explain(refused, path)) from error


def refusal(error: BaseException) -> OSError | None:
    """The refusal of the operating system that an error is, or that a library of another language quotes in it; None without one."""
    quoted = _QUOTED.search(str(error))
    if isinstance(error, OSError) and (error.errno is not None or quoted is None):
        return error
    if quoted is not None:
        return OSError(int(quoted[1] or quoted[2]), str(error))
    has_nul = isinstance(error, ValueError) and "embedded null" in str(error)
    return OSError(errno.EINVAL, "a file name cannot hold the character NUL") if has_nul else None


def explain(error: OSError, path: str | Path | None = None) -> str:
    """One line: the file that the error names, else `path`; what is wrong; what to do."""
    own = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else PARTIAL
    named = path if PARTIAL in own else own
    what = _ADVICE.get(error.errno or 0) or f"{error.strerror or error}; check the path and the disk"
    shown = "" if named is None else str(named).replace("\0", "\\0")
    return f"{shown if len(shown) <= 300 else shown[:100] + '...'}: {what}" if shown else what


@contextmanager
def _begun(path: str | Path) -> Iterator[tuple[Path, Path]]:
    """The file that is meant, and an empty one beside it under a temporary name, removed at the end of the block."""
    with naming(path):
        target = Path(os.path.realpath(path))
        try:
            kind = target.stat().st_mode
        except FileNotFoundError:
            kind = stat.S_IFREG
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(kind):
            yield target, target
            return
        partial = target.with_name(_temporary(target.name))
        partial.touch(exist_ok=False)
        try:
            yield target, partial
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def _filled(home: Path, name: str) -> Iterator[Path]:
    """A folder for a block, inside one of its own in `home` that is removed at the end with what is still in it."""
    with tempfile.TemporaryDirectory(PARTIAL, f".{name[:_KEPT_OF_NAME]}.", home, ignore_cleanup_errors=True) as own:
        partial = Path(own, "new")
        partial.mkdir()
        yield partial


def _temporary(name: str) -> str:
    return f".{name[:_KEPT_OF_NAME]}.{secrets.token_hex(4)}{PARTIAL}"


def _settle_all(folder: Path) -> None:
    mode = folder.stat().st_mode & 0o666
    for file in folder.rglob("*"):
        if file.is_file():
            _settle(file, mode)


def _settle(path: Path, mode: int) -> None:
    """The mode of a new file, since some libraries write for the owner alone; and onto the disk: some say only then that it is full."""
    path.chmod(mode)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
