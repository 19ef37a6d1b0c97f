"""Archives on disk: one row per window and one per file, in LanceDB tables in one folder. One writer at a time, any number of readers.

    DIR/archive.json   format, model and the hash of its weights, window and hop: with what all rows were computed
    DIR/tables/        `windows`, `files`, and `taught`: one row per version of a taught class
    DIR/writer.lock    locked while a process writes windows and files
    DIR/teacher.lock   locked while a process writes taught classes

A file's windows are written before the file's own row and removed before it. So whenever a writer is killed, the number of a file's
windows differs from the number in its row. The next writer removes such windows, and those files are indexed again. Rows of files
stay, with their notes.
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
from auricle.core.files import atomic_files, atomic_folder, write_errors, write_text
from auricle.core.optional import require
from auricle.core.paths import escape_bytes, is_missing, path_to_text, text_to_path
from auricle.listen.listener import Listener

FORMAT = 2
HEADER, TABLES, LOCK, TEACHER = "archive.json", "tables", "writer.lock", "teacher.lock"
#: Number of windows up to which a search compares all of them; above, the table's index selects candidates.
EXACT_LIMIT = 250_000
PROBES = 5  # lists of an index that are searched: at a million windows 8 took a fifth longer and found one in a hundred more
_KEYS = {"windows": ["file", "onset"], "files": ["file"], "taught": ["name", "version"]}
_MAX_NAMES = 500  # in one SQL list
#: Values for the row of a file whose windows are incomplete: it is indexed again, and no moved file is matched to it by content.
_INCOMPLETE = {
    "content": "", "modified": -1, "windows": 0, "silent": 0, "coverage": 0.0, "error": "indexing was interrupted; index it again"
}  # fmt: skip
_RETENTION = datetime.timedelta(seconds=30)  # younger versions of a table are not deleted, because readers may use them


class Header(BaseModel):
    """The model and settings of an archive (archive.json).

    weights: fingerprint of the model folder. dim, likeness: widths D and E of a window's text-aligned and similarity vectors.
    window, hop: seconds.
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
        """Create an empty archive for this listener's model. window, hop: seconds, the model's own by default.

        ArchiveError where the folder is an archive already, or window and hop are out of range.

        >>> from pathlib import Path
        >>> from auricle.archive.store import Archive
        >>> archive = Archive.create(Path("created.archive"), listener, window=5.0, hop=2.5)
        >>> len(archive.files())
        0
        """
        config = listener.config
        window = window or config.window.seconds
        header = Header(
            format=FORMAT,
            model=config.name,
            weights=listener.fingerprint,
            dim=config.dim,
            likeness=listener.similarity_dim,
            window=float(window),
            hop=float(hop or min(window, config.window.hop * window / config.window.seconds)),
        )
        if not 0 < header.hop <= header.window <= 60:
            raise ArchiveError(f"windows of {header.window:g} s every {header.hop:g} s; wanted 0 < hop <= window <= 60")
        _check_name(folder)
        existed = folder.is_dir()
        with _locked(folder, LOCK) if existed else _created_once(folder):  # a new folder is renamed into place, once
            if (folder / HEADER).exists():
                raise ArchiveError(f"{folder}: is an existing archive; index into it, or choose another folder")
            with atomic_files(folder, last=HEADER) if existed else atomic_folder(folder) as partial:
                database = cls(partial, header)._database
                for name, schema in _schemas(header).items():
                    database.create_table(name, schema=schema)
                write_text(partial / HEADER, json.dumps(header.model_dump(), indent=1) + "\n")
        return cls(folder, header)

    @classmethod
    def open(cls, folder: Path) -> Archive:
        """Open an existing archive. ArchiveError where the folder is none, or one of another format.

        >>> from pathlib import Path
        >>> from auricle.archive.store import Archive
        >>> _ = Archive.create(Path("opened.archive"), listener)
        >>> Archive.open(Path("opened.archive")).header.model
        'auricle-tiny'
        """
        try:
            header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
            if isinstance(header, dict) and header.get("format") != FORMAT:
                raise ArchiveError(
                    f"{folder}: has format {header.get('format')}; this auricle reads {FORMAT}; index into a new folder, or update auricle"
                )
            return cls(folder, Header.model_validate(header))
        except FileNotFoundError as error:
            advice = f"name one with --archive, or make it with: auricle index RECORDINGS --archive {folder}"
            raise ArchiveError(f"{folder}: is not an archive; {advice}") from error
        except (OSError, ValueError, ValidationError) as error:
            raise ArchiveError(f"{folder / HEADER}: cannot be read ({_line(error)}); wanted the file that auricle index wrote") from error

    def check_model(self, listener: Listener) -> None:
        """Raise ArchiveError unless this listener's model is the archive's: vectors of two models cannot be compared."""
        expected = (self.header.model, self.header.weights)
        given = (listener.config.name, listener.fingerprint)
        if expected != given:
            raise ArchiveError(
                f"{self.folder}: was made with {expected[0]} (weights {expected[1][:8]}); the loaded model is {given[0]} "
                f"(weights {given[1][:8]}); pass the archive's model with --model, or index into another folder"
            )

    # Reading

    def table(self, name: str) -> Any:
        """The LanceDB table `windows`, `files` or `taught`, at its latest version."""
        if name not in self._tables:
            self._tables[name] = self._database.open_table(name)
        self._tables[name].checkout_latest()
        return self._tables[name]

    def snapshot(self, name: str) -> Any:
        """A separate handle of a table that stays at the present version, until a writer deletes that version's files."""
        return self._database.open_table(name)

    def files(self) -> dict[str, dict[str, Any]]:
        """The row of every file, by name."""
        return {row["file"]: row for row in self.table("files").to_arrow().to_pylist()}

    def rates(self, names: Iterable[str]) -> dict[str, int]:
        """Sample rates (Hz) of the given files, by name."""
        rates: dict[str, int] = {}
        for some in _sql_lists(names):
            rows = self.table("files").search().where(f"file IN ({some})").select(["file", "rate"]).limit(None).to_arrow()
            rates |= zip(rows["file"].to_pylist(), rows["rate"].to_pylist(), strict=True)
        return rates

    def missing(self, folder: Path | None = None) -> list[str]:
        """Files that no longer exist at their path, sorted; with a folder, only those in it (it need not exist itself)."""
        roots = [] if folder is None else [path_to_text(Path(path)).rstrip("/") for path in {folder.absolute(), folder.resolve()}]
        names = (name for name in self.files() if folder is None or any(name == root or name.startswith(root + "/") for root in roots))
        return sorted(name for name in names if is_missing(text_to_path(name)))

    def facts(self) -> dict[str, Any]:
        """Counts of an archive: indexed files, windows, files that failed; its model; bytes on disk."""
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
        """Lock the archive for writing, and remove the incomplete files of an interrupted writer."""
        with _locked(self.folder, LOCK):
            self._recover()
            yield

    @contextmanager
    def teaching(self) -> Iterator[None]:
        """Lock the taught classes for writing; windows may be written at the same time."""
        with _locked(self.folder, TEACHER):
            yield

    def _recover(self) -> None:
        stated = {name: row["windows"] for name, row in self.files().items()}
        counted = self._count_windows()
        for some in _sql_lists(name for name in stated.keys() | counted.keys() if stated.get(name, 0) != counted.get(name, 0)):
            self.table("windows").delete(f"file IN ({some})")
            self.table("files").update(where=f"file IN ({some})", values=_INCOMPLETE)

    def _count_windows(self) -> dict[str, int]:
        """Number of windows by file, as stored in the table of windows."""
        counts: Counter[str] = Counter()
        for batch in self.table("windows").search().select(["file"]).limit(None).to_batches():
            counts.update({pair["values"]: pair["counts"] for pair in batch["file"].value_counts().to_pylist()})
        return counts

    def write(self, files: Sequence[Mapping[str, Any]], windows: Sequence[Mapping[str, Any]], *, replaced: Iterable[str] = ()) -> None:
        """Write whole files: all their windows, then their own rows. replaced: names of those that the archive has already."""
        schemas = _schemas(self.header)
        arrow = require("pyarrow", extra="archive", why="an archive")
        for some in _sql_lists(replaced):
            self.table("windows").delete(f"file IN ({some})")
        if windows:
            self.table("windows").add(arrow.Table.from_pylist(list(windows), schema=schemas["windows"]))
        if files:
            self._upsert("files", arrow.Table.from_pylist(list(files), schema=schemas["files"]))

    def add_taught(self, version: Mapping[str, Any]) -> None:
        """Write one version of a taught class: a single row, so the write is atomic."""
        arrow = require("pyarrow", extra="archive", why="an archive")
        self.table("taught").add(arrow.Table.from_pylist([dict(version)], schema=_schemas(self.header)["taught"]))

    def remove_missing(self, folder: Path) -> list[str]:
        """Remove the files of a folder that no longer exist, and return their names. Classes taught by them stay."""
        with self.writing():
            names = self.missing(folder)
            self.remove(names)
            self.optimize()
        return names

    def remove(self, names: Iterable[str]) -> None:
        """Remove files with their windows."""
        for some in _sql_lists(names):
            self.table("windows").delete(f"file IN ({some})")
            self.table("files").delete(f"file IN ({some})")

    def update_files(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Update rows of files whose content is unchanged. changes: by name, new values of columns such as `file`, `notes`, `modified`.

        A new `file` also replaces the name in examples of taught classes. The row of a moved file is written before its windows, so that
        its notes are kept if the writer is killed between the two. Other rows are written after the windows, so that notes that did not
        reach all windows are written again by the next run.
        """
        moved = {name: row for name, row in changes.items() if row.get("file", name) != name}
        self._rename_examples({name: row["file"] for name, row in moved.items()})
        unmoved = {name: row for name, row in changes.items() if name not in moved}
        for rows, tables in ((moved, ("files", "windows")), (unmoved, ("windows", "files"))):
            for table in tables:
                self._update_columns(table, rows)

    def _rename_examples(self, moved: Mapping[str, str]) -> None:
        """Replace names of moved recordings in the examples of taught classes."""
        if not moved:
            return
        with _locked(self.folder, TEACHER, wait=True):
            table = self.table("taught")
            rows = [row for row in table.to_arrow().to_pylist() if any(label["file"] in moved for label in row["labels"])]
            for row in rows:
                row["labels"] = [label | {"file": moved.get(label["file"], label["file"])} for label in row["labels"]]
            self._upsert("taught", require("pyarrow", extra="archive", why="an archive").Table.from_pylist(rows, schema=table.schema))

    def _update_columns(self, name: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Write new values into those of the changed columns that a table has, in one commit."""
        arrow = require("pyarrow", extra="archive", why="an archive")
        table = self.table(name)
        columns = [field for field in table.schema if any(field.name in row for row in changes.values())]
        if not columns:
            return
        condition = f"file IN ({', '.join(map(quote_sql, changes))})"
        rows = table.search().where(condition).limit(None).to_arrow()
        files = rows["file"].to_pylist()
        for field in columns:
            values = [changes[file].get(field.name, value) for file, value in zip(files, rows[field.name].to_pylist(), strict=True)]
            rows = rows.set_column(rows.column_names.index(field.name), field, arrow.array(values, field.type))
        self._upsert(name, rows, delete=condition)

    def _upsert(self, name: str, rows: Any, *, delete: str | None = None) -> None:
        """Insert rows or replace those of the same key, and delete other rows that meet an SQL condition, in one commit."""
        merge = self.table(name).merge_insert(_KEYS[name])
        merge = merge.when_matched_update_all().when_not_matched_insert_all()
        (merge if delete is None else merge.when_not_matched_by_source_delete(delete)).execute(rows)

    def optimize(self) -> None:
        """Compact the small fragments that batches leave, update the indexes, and delete old versions of the tables.

        Versions that readers may still use are deleted by a later call, once they are old enough.
        """
        with limited_memory():
            self._compact()
            if self._update_indexes():
                self._compact()  # LanceDB balances new lists once, and deletes the fragments that were compacted above
                self._compact()  # deletes the lists from before balancing; either is as large as the table

    def _compact(self) -> None:
        for name in ("windows", "files", "taught"):
            self.table(name).optimize(cleanup_older_than=_RETENTION)

    def _update_indexes(self) -> bool:
        """Create indexes that are missing, or lack half of the windows, once comparing all windows takes long; true if any was created.

        Vectors are stored whole (IVF-Flat, sqrt(N) lists): quantisation (PQ, SQ) lost at least as much recall, and
        reading the vectors again to re-rank by them took longer than comparing them whole.
        """
        table = self.table("windows")
        count = table.count_rows()
        if count <= EXACT_LIMIT:
            return False
        existing = {index.columns[0]: index.name for index in table.list_indices()}
        kinds = require("lancedb.index", extra="archive", why="an archive")
        ivf = kinds.IvfFlat(distance_type="cosine", num_partitions=round(count**0.5))
        configs = {"vector": ivf, "likeness": ivf, "tags": kinds.FTS()}
        stale = [name for name in configs if name not in existing or table.index_stats(existing[name]).num_unindexed_rows >= count / 2]
        for column in stale:
            table.create_index(column, config=configs[column])
        return bool(stale)


def quote_sql(text: str) -> str:
    """Quote text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _sql_lists(names: Iterable[str]) -> Iterator[str]:
    """Names as contents of SQL `IN` lists, at most _MAX_NAMES in each."""
    ordered = sorted(names)
    for start in range(0, len(ordered), _MAX_NAMES):
        yield ", ".join(map(quote_sql, ordered[start : start + _MAX_NAMES]))


def _schemas(header: Header) -> dict[str, Any]:
    arrow = require("pyarrow", extra="archive", why="an archive")
    text, real, whole = arrow.string(), arrow.float64(), arrow.int64()
    tag = arrow.struct([("label", text), ("score", arrow.float32())])
    similarity = arrow.list_(arrow.float32(), header.likeness)
    label = arrow.struct([("file", text), ("onset", real), ("offset", real), ("yes", arrow.bool_()), ("vector", similarity)])
    shared = [("file", text), ("duration", real), ("rate", whole), ("channels", whole), ("notes", text)]
    return {
        "windows": arrow.schema(
            [*shared, ("onset", real), ("offset", real), ("tags", text), ("scores", arrow.list_(tag)), ("content", text),
             ("vector", arrow.list_(arrow.float32(), header.dim)),
             ("likeness", similarity)]
        ),
        "files": arrow.schema(
            [*shared, ("size", whole), ("modified", whole), ("content", text), ("windows", whole), ("silent", whole), ("coverage", real),
             ("error", text)]
        ),
        "taught": arrow.schema(
            [("name", text), ("version", whole), ("labels", arrow.list_(label)), ("weights", similarity), ("bias", real), ("right", whole),
             ("checked", whole)]
        ),
    }  # fmt: skip


def _check_name(folder: Path) -> None:
    if escape_bytes(str(folder)) != str(folder):
        raise ArchiveError(f"{escape_bytes(str(folder))}: the folder's name is not UTF-8; wanted a name in UTF-8")


@contextmanager
def _locked(folder: Path, name: str, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on an archive. ArchiveError where another process holds it, unless wait."""
    with write_errors(folder), (folder / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArchiveError(f"{folder}: another auricle process is writing to it; wait until it is done, or stop it") from error
        yield


@contextmanager
def _created_once(folder: Path) -> Iterator[None]:
    """Turn a WriteError into an ArchiveError where another process created the archive at the same time."""
    try:
        yield
    except WriteError as error:
        if (folder / HEADER).exists():
            raise ArchiveError(
                f"{folder}: another process has just created this archive; run the command again when it has ended"
            ) from error
        raise


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def vector_column(rows: Any, column: str = "vector") -> np.ndarray:
    """A column of vectors of Arrow rows as an array, float32 (n, D), without a copy where possible."""
    vectors = rows[column].combine_chunks()
    return np.asarray(vectors.flatten(), dtype=np.float32).reshape(len(vectors), vectors.type.list_size)
