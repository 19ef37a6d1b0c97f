"""The store: one row a window and one a file, in LanceDB tables under one folder. One writer at a time, any number of readers.

    DIR/archive.json   format, model and its weights' hash, window and hop: what everything in the tables was made with
    DIR/tables/        `windows` and `files`, and `taught`: a row a version of a taught sound
    DIR/writer.lock    held while something writes windows and files
    DIR/teacher.lock   held while something writes what was taught

A file's windows are written before the file's own row and removed before it, so whatever moment a writer dies in, the number of a file's
windows and the number that its row states disagree; the next writer takes such windows out, and those files are heard again. Rows of
files stay, with their notes.
"""

from __future__ import annotations

import datetime
import fcntl
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from auricle.archive.memory import limited_memory
from auricle.core.errors import ArchiveError, WriteError
from auricle.core.files import atomic_files, write_errors, write_text
from auricle.core.optional import require
from auricle.core.paths import escape_bytes, is_missing, path_to_text, text_to_path
from auricle.listen.listener import Listener

FORMAT = 2
HEADER, TABLES, LOCK, TEACHER = "archive.json", "tables", "writer.lock", "teacher.lock"
#: Windows up to which every one is compared; above, the table's index proposes candidates.
EXACT = 250_000
PROBES = 5  # lists of an index that are searched: of a million windows 8 took a fifth longer and found one in a hundred more
_KEYS = {"windows": ["file", "onset"], "files": ["file"], "taught": ["name", "version"]}
_MANY = 500  # names in one SQL list
#: What is put into the row of a file whose windows were lost: the file is heard again, and none that moved is taken for it.
_UNHEARD = {"content": "", "modified": -1, "windows": 0, "silent": 0, "coverage": 0.0, "error": "indexing was interrupted; index it again"}
_KEPT = datetime.timedelta(seconds=30)  # versions of a table that are younger stay for those who read them


class Header(BaseModel):
    """What everything in an archive was made with.

    weights: fingerprint of the model folder. dim, likeness: widths of a window's two vectors. window, hop: seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: int
    model: str
    weights: str
    dim: int
    likeness: int
    window: float
    hop: float


class Archive:
    """An archive on disk. Open one with `Archive.open` or `Archive.create`; write inside `with archive.writing():`."""

    def __init__(self, folder: Path, header: Header) -> None:
        self.folder, self.header = folder, header
        self._lance = require("lancedb", extra="archive", why="an archive")
        _check_name(folder)
        self._database = self._lance.connect(str(folder / TABLES))
        self._tables: dict[str, Any] = {}

    @classmethod
    def create(cls, folder: Path, listener: Listener, *, window: float | None = None, hop: float | None = None) -> Archive:
        """A new, empty archive for what this listener hears; window and hop (s) are the model's unless given."""
        config = listener.config
        window = window or config.window.seconds
        header = Header(
            format=FORMAT,
            model=config.name,
            weights=listener.fingerprint,
            dim=config.dim,
            likeness=listener.likeness_dim,
            window=float(window),
            hop=float(hop or min(window, config.window.hop * window / config.window.seconds)),
        )
        if not 0 < header.hop <= header.window <= 60:
            raise ArchiveError(f"windows of {header.window:g} s every {header.hop:g} s; wanted 0 < hop <= window <= 60")
        _check_name(folder)
        with _locked(folder, LOCK) if folder.is_dir() else _created_once(folder):  # a new folder is renamed into place, once
            if (folder / HEADER).exists():
                raise ArchiveError(f"{folder}: is an archive already; index into it, or choose another folder")
            with atomic_files(folder, last=HEADER) as partial:
                database = cls(partial, header)._database
                for name, schema in _schemas(header).items():
                    database.create_table(name, schema=schema)
                write_text(partial / HEADER, json.dumps(header.model_dump(), indent=1) + "\n")
        return cls(folder, header)

    @classmethod
    def open(cls, folder: Path) -> Archive:
        """An archive that exists. ArchiveError says what is wrong with the folder."""
        try:
            found = json.loads((folder / HEADER).read_text(encoding="utf-8"))
            if isinstance(found, dict) and found.get("format") != FORMAT:
                raise ArchiveError(
                    f"{folder}: has format {found.get('format')}; this auricle reads {FORMAT}; index it anew, or update auricle"
                )
            return cls(folder, Header.model_validate(found))
        except FileNotFoundError as error:
            raise ArchiveError(f"{folder}: is no archive; make one with: auricle index RECORDINGS --into {folder}") from error
        except (OSError, ValueError, ValidationError) as error:
            raise ArchiveError(f"{folder / HEADER}: cannot be read ({_line(error)}); wanted what auricle index wrote there") from error

    def check(self, listener: Listener) -> None:
        """ArchiveError unless this listener's model is the archive's: vectors of two models cannot be compared."""
        mine = (self.header.model, self.header.weights)
        theirs = (listener.config.name, listener.fingerprint)
        if mine != theirs:
            raise ArchiveError(
                f"{self.folder}: was made with {mine[0]} (weights {mine[1][:8]}), the model here is {theirs[0]} (weights {theirs[1][:8]}); "
                "give that model with --model, or index anew into another folder"
            )

    # Reading

    def table(self, name: str) -> Any:
        """The LanceDB table `windows`, `files` or `taught`, as it is now."""
        if name not in self._tables:
            self._tables[name] = self._database.open_table(name)
        self._tables[name].checkout_latest()
        return self._tables[name]

    def snapshot(self, name: str) -> Any:
        """A table of one's own that stays as it is now, as long as no writer drops what it holds."""
        return self._database.open_table(name)

    def files(self) -> dict[str, dict[str, Any]]:
        """The row of every file, by name."""
        return {row["file"]: row for row in self.table("files").to_arrow().to_pylist()}

    def rates(self, names: Iterable[str]) -> dict[str, int]:
        """Samples a second (Hz) of some files, by name."""
        found: dict[str, int] = {}
        for some in _in_lists(names):
            rows = self.table("files").search().where(f"file IN ({some})").select(["file", "rate"]).limit(None).to_arrow()
            found |= zip(rows["file"].to_pylist(), rows["rate"].to_pylist(), strict=True)
        return found

    def missing(self, folder: Path | None = None) -> list[str]:
        """Files that are not where they were, in order; only those in a folder where one is given, which need not be there either."""
        inside = [] if folder is None else [path_to_text(Path(path)).rstrip("/") for path in {folder.absolute(), folder.resolve()}]
        names = (name for name in self.files() if folder is None or any(name == place or name.startswith(place + "/") for place in inside))
        return sorted(name for name in names if is_missing(text_to_path(name)))

    def facts(self) -> dict[str, Any]:
        """How much there is: files heard, windows, files that could not be heard, the model, bytes on disk."""
        files = self.table("files")
        failed = files.count_rows("error IS NOT NULL AND windows = 0")
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        return {
            "files": files.count_rows() - failed,
            "windows": self.table("windows").count_rows(),
            "failed": failed,
            "model": self.header.model,
            "bytes": size,
        }

    # Writing

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the archive for writing; what an interrupted writer left half done is taken out first."""
        with _locked(self.folder, LOCK):
            self._recover()
            yield

    @contextmanager
    def teaching(self) -> Iterator[None]:
        """Hold what was taught for writing; windows may be written meanwhile."""
        with _locked(self.folder, TEACHER):
            yield

    def _recover(self) -> None:
        stated = {name: row["windows"] for name, row in self.files().items()}
        counted = self._counted()
        for some in _in_lists(name for name in stated.keys() | counted.keys() if stated.get(name, 0) != counted.get(name, 0)):
            self.table("windows").delete(f"file IN ({some})")
            self.table("files").update(where=f"file IN ({some})", values=_UNHEARD)

    def _counted(self) -> dict[str, int]:
        """Windows by file, counted."""
        counted: Counter[str] = Counter()
        for batch in self.table("windows").search().select(["file"]).limit(None).to_batches():
            counted.update({pair["values"]: pair["counts"] for pair in batch["file"].value_counts().to_pylist()})
        return counted

    def write(self, files: Sequence[Mapping[str, Any]], windows: Sequence[Mapping[str, Any]], *, known: Iterable[str] = ()) -> None:
        """Write whole files: all their windows, then their own rows. known: those of the files that the archive has, to be replaced."""
        schemas = _schemas(self.header)
        arrow = require("pyarrow", extra="archive", why="an archive")
        for some in _in_lists(known):
            self.table("windows").delete(f"file IN ({some})")
        if windows:
            self.table("windows").add(arrow.Table.from_pylist(list(windows), schema=schemas["windows"]))
        if files:
            self._replace("files", arrow.Table.from_pylist(list(files), schema=schemas["files"]))

    def add_taught(self, version: Mapping[str, Any]) -> None:
        """Write one version of a taught sound: a single row, so it is there whole or not at all."""
        arrow = require("pyarrow", extra="archive", why="an archive")
        self.table("taught").add(arrow.Table.from_pylist([dict(version)], schema=_schemas(self.header)["taught"]))

    def remove_missing(self, folder: Path) -> list[str]:
        """Take out the files of a folder that are not there any more; their names. What was taught by them stays."""
        with self.writing():
            names = self.missing(folder)
            self.remove(names)
            self.tidy()
        return names

    def remove(self, names: Iterable[str]) -> None:
        """Take files out, with their windows."""
        for some in _in_lists(names):
            self.table("windows").delete(f"file IN ({some})")
            self.table("files").delete(f"file IN ({some})")

    def follow(self, changed: Mapping[str, Mapping[str, Any]]) -> None:
        """Files whose content stays: by name, what is new in their rows, such as `file`, `notes` or `modified`.

        Where a file has a new name, examples of taught sounds go with it. Its row goes before its windows, which keeps its notes if the
        writer dies between; else last, so that notes which were not written to all windows are written again.
        """
        moved = {name: row for name, row in changed.items() if row.get("file", name) != name}
        self._relabel({name: row["file"] for name, row in moved.items()})
        stay = {name: row for name, row in changed.items() if name not in moved}
        for rows, tables in ((moved, ("files", "windows")), (stay, ("windows", "files"))):
            for table in tables:
                self._rewrite(table, rows)

    def _relabel(self, moved: Mapping[str, str]) -> None:
        """Put new names of recordings into the examples of taught sounds."""
        if not moved:
            return
        with _locked(self.folder, TEACHER, wait=True):
            table = self.table("taught")
            rows = [row for row in table.to_arrow().to_pylist() if any(label["file"] in moved for label in row["labels"])]
            for row in rows:
                row["labels"] = [label | {"file": moved.get(label["file"], label["file"])} for label in row["labels"]]
            self._replace("taught", require("pyarrow", extra="archive", why="an archive").Table.from_pylist(rows, schema=table.schema))

    def _rewrite(self, name: str, changed: Mapping[str, Mapping[str, Any]]) -> None:
        """Put new values into those columns of a table that it has, in one commit."""
        arrow = require("pyarrow", extra="archive", why="an archive")
        table = self.table(name)
        columns = [field for field in table.schema if any(field.name in row for row in changed.values())]
        if not columns:
            return
        old = f"file IN ({', '.join(map(quoted, changed))})"
        rows = table.search().where(old).limit(None).to_arrow()
        files = rows["file"].to_pylist()
        for field in columns:
            values = [changed[file].get(field.name, value) for file, value in zip(files, rows[field.name].to_pylist(), strict=True)]
            rows = rows.set_column(rows.column_names.index(field.name), field, arrow.array(values, field.type))
        self._replace(name, rows, gone=old)

    def _replace(self, name: str, rows: Any, *, gone: str | None = None) -> None:
        """Write rows over those of the same key, and take out what else a condition names, in one commit."""
        merge = self.table(name).merge_insert(_KEYS[name])
        merge = merge.when_matched_update_all().when_not_matched_insert_all()
        (merge if gone is None else merge.when_not_matched_by_source_delete(gone)).execute(rows)

    def tidy(self) -> None:
        """Join the small pieces that batches leave, and drop what earlier versions of the tables hold.

        What readers may still be at is dropped by the next call that finds it old enough.
        """
        with limited_memory():
            self._join()
            if self._tend_index():
                self._join()  # LanceDB evens out new lists once, and drops the pieces that were joined above; here
                self._join()  # it drops the lists as they were: either is as large as the table

    def _join(self) -> None:
        for name in ("windows", "files", "taught"):
            self.table(name).optimize(cleanup_older_than=_KEPT)

    def _tend_index(self) -> bool:
        """Make what indexes are missing, or too old; true if any was made.

        Indexes once there are so many windows that comparing all takes long; made anew when half of the windows are new to them.

        Vectors are kept whole in lists by their nearest of sqrt(N) centres: codes (PQ, SQ) were no smaller a loss of recall, and reading
        the vectors again to rank by them took longer than comparing them whole.
        """
        table = self.table("windows")
        count = table.count_rows()
        if count <= EXACT:
            return False
        made = {found.columns[0]: found.name for found in table.list_indices()}
        kinds = require("lancedb.index", extra="archive", why="an archive")
        lists = kinds.IvfFlat(distance_type="cosine", num_partitions=round(count**0.5))
        wanted = {"vector": lists, "likeness": lists, "tags": kinds.FTS()}
        late = [name for name in wanted if name not in made or table.index_stats(made[name]).num_unindexed_rows >= count / 2]
        for column in late:
            table.create_index(column, config=wanted[column])
        return bool(late)


def quoted(text: str) -> str:
    """Text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _in_lists(names: Iterable[str]) -> Iterator[str]:
    ready = sorted(names)
    for start in range(0, len(ready), _MANY):
        yield ", ".join(map(quoted, ready[start : start + _MANY]))


def _schemas(header: Header) -> dict[str, Any]:
    arrow = require("pyarrow", extra="archive", why="an archive")
    text, real, whole = arrow.string(), arrow.float64(), arrow.int64()
    tag = arrow.struct([("label", text), ("score", arrow.float32())])
    heard = arrow.list_(arrow.float32(), header.likeness)
    label = arrow.struct([("file", text), ("onset", real), ("offset", real), ("yes", arrow.bool_()), ("vector", heard)])
    about = [("file", text), ("duration", real), ("rate", whole), ("channels", whole), ("notes", text)]
    return {
        "windows": arrow.schema(
            [*about, ("onset", real), ("offset", real), ("tags", text), ("scores", arrow.list_(tag)), ("content", text),
             ("vector", arrow.list_(arrow.float32(), header.dim)),
             ("likeness", heard)]
        ),
        "files": arrow.schema(
            [*about, ("size", whole), ("modified", whole), ("content", text), ("windows", whole), ("silent", whole), ("coverage", real),
             ("error", text)]
        ),
        "taught": arrow.schema(
            [("name", text), ("version", whole), ("labels", arrow.list_(label)), ("weights", heard), ("bias", real), ("right", whole),
             ("checked", whole)]
        ),
    }  # fmt: skip


def _check_name(folder: Path) -> None:
    if escape_bytes(str(folder)) != str(folder):
        raise ArchiveError(f"{escape_bytes(str(folder))}: its name is not UTF-8; wanted a folder for the archive whose name is")


@contextmanager
def _locked(folder: Path, name: str, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock of an archive. ArchiveError where another process holds it, unless wait."""
    with write_errors(folder), (folder / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArchiveError(f"{folder}: another auricle is writing to it; wait until it is done, or stop it") from error
        yield


@contextmanager
def _created_once(folder: Path) -> Iterator[None]:
    """ArchiveError that says so where another process made the archive meanwhile."""
    try:
        yield
    except WriteError as error:
        if (folder / HEADER).exists():
            raise ArchiveError(f"{folder}: another process made this archive just now; run the command again when it has ended") from error
        raise


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def vectors_of(rows: Any, column: str = "vector") -> np.ndarray:
    """A column of vectors of Arrow rows, float32 (n, D), without a copy where that can be."""
    found = rows[column].combine_chunks()
    return np.asarray(found.flatten(), dtype=np.float32).reshape(len(found), found.type.list_size)
