"""Atomic writing of files and folders, and one-line errors that name the file where that fails.

Content is written to a temporary name next to the target, synced to disk, and renamed over the target. A reader, a crash or a full disk
never leaves a partial file. Modes are those of any new file (0666 and 0777 less the umask). All files of auricle are written here.
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

#: Suffix of temporary names; such a file is left only by a process that was killed.
PARTIAL = ".partial"
_PREFIX_LENGTH = 40  # characters of the target's name in the temporary one, which must not exceed the limit of the file system
#: Error number -> message: what is wrong, and what to do.
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
_QUOTED = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)  # how safetensors, LanceDB and Arrow report errors of the system


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Context manager: a temporary file next to `path`, which replaces `path` if the block succeeds and is removed if it fails.

    Symbolic links are followed; a device or a pipe, such as /dev/stdout, is written directly. The folder must exist. WriteError where
    the operating system refuses.
    """
    with _open_partial(path) as (target, partial):
        mode = partial.stat().st_mode
        yield partial
        if partial != target:
            _sync(partial, mode)
            partial.replace(target)


def check_writable(path: str | Path) -> None:
    """Raise WriteError where `atomic_file` could not write to `path`, as far as that is known before there is content."""
    with _open_partial(path):
        pass


def move_file(source: Path, path: str | Path) -> None:
    """Move a finished file of the same disk into the place of `path`, atomically and synced. WriteError where the system refuses."""
    with atomic_file(path) as partial:
        source.replace(partial)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file atomically. WriteError where the operating system refuses."""
    with atomic_file(path) as partial:
        partial.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a file in UTF-8 atomically; line ends stay unchanged. WriteError where the operating system refuses."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def atomic_folder(path: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Context manager: a temporary folder, which becomes `path` if the block succeeds and is removed if it fails.

    Parent folders are created. replace: an existing folder is removed once the new one is complete; otherwise it must be empty.
    WriteError where the operating system refuses.
    """
    target = Path(path)
    with write_errors(path), _open_folder(make_folder(target.parent), target.name) as partial:
        yield partial
        _sync_all(partial)
        old = target.with_name(_temporary_name(target.name))
        if replace and target.is_dir():
            target.rename(old)
        partial.rename(target)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def atomic_files(folder: Path, *, last: str) -> Iterator[Path]:
    """Context manager: a temporary folder, whose files are moved into `folder` if the block succeeds.

    last: the file that is moved last, so that its presence means that all are there; an older one is removed before any other is
    replaced. Other files in `folder` stay. WriteError where the operating system refuses.
    """
    if not folder.exists():
        with atomic_folder(folder) as partial:
            yield partial
        return
    with write_errors(folder), _open_folder(folder, "") as partial:
        yield partial
        _sync_all(partial)
        (folder / last).unlink(missing_ok=True)
        for file in sorted(partial.iterdir(), key=lambda file: (file.name != last, file.name), reverse=True):  # x.data before x
            file.replace(folder / file.name)


def make_folder(path: str | Path) -> Path:
    """Create a folder and its parents if they do not exist. WriteError where the operating system refuses."""
    with write_errors(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


@contextmanager
def write_errors(path: str | Path) -> Iterator[None]:
    """Context manager: convert errors of the operating system, also as reported by libraries, to a WriteError that names `path`.

    An error about another file keeps that file's name.
    """
    try:
        yield
    except AuricleError:
        raise
    except Exception as error:
        os_error = find_os_error(error)
        if os_error is None:
            raise
        raise WriteError(describe_os_error(os_error, path)) from error


def find_os_error(error: BaseException) -> OSError | None:
    """Return the OSError that an error is or reports in its message, as native libraries do; None if there is none."""
    quoted = _QUOTED.search(str(error))
    if isinstance(error, OSError) and (error.errno is not None or quoted is None):
        return error
    if quoted is not None:
        return OSError(int(quoted[1] or quoted[2]), str(error))
    has_nul = isinstance(error, ValueError) and "embedded null" in str(error)
    return OSError(errno.EINVAL, "a file name cannot hold the character NUL") if has_nul else None


def describe_os_error(error: OSError, path: str | Path | None = None) -> str:
    """Format an OSError on one line: its file (else `path`), what is wrong, what to do."""
    reported = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else PARTIAL
    name = path if PARTIAL in reported else reported
    advice = _ADVICE.get(error.errno or 0) or f"{error.strerror or error}; check the path and the disk"
    shown = "" if name is None else str(name).replace("\0", "\\0")
    return f"{shown if len(shown) <= 300 else shown[:100] + '...'}: {advice}" if shown else advice


@contextmanager
def _open_partial(path: str | Path) -> Iterator[tuple[Path, Path]]:
    """Context manager: the resolved target, and an empty temporary file next to it, removed at the end of the block."""
    with write_errors(path):
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
        partial = target.with_name(_temporary_name(target.name))
        partial.touch(exist_ok=False)
        try:
            yield target, partial
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def _open_folder(parent: Path, name: str) -> Iterator[Path]:
    """Context manager: a new folder inside a temporary one in `parent`, which is removed with its content at the end of the block."""
    with tempfile.TemporaryDirectory(PARTIAL, f".{name[:_PREFIX_LENGTH]}.", parent, ignore_cleanup_errors=True) as temporary:
        partial = Path(temporary, "new")
        partial.mkdir()
        yield partial


def _temporary_name(name: str) -> str:
    return f".{name[:_PREFIX_LENGTH]}.{secrets.token_hex(4)}{PARTIAL}"


def _sync_all(folder: Path) -> None:
    mode = folder.stat().st_mode & 0o666
    for file in folder.rglob("*"):
        if file.is_file():
            _sync(file, mode)


def _sync(path: Path, mode: int) -> None:
    """Set the mode of a new file, since some libraries write for the owner only, and sync: a full disk may be reported only then."""
    path.chmod(mode)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
