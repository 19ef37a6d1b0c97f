"""Result records: benchmarks and recipes write docs/results/NAME.json; `python -m auricle.bench.results` renders them.

A record contains the command, seed, commit, system, date, package versions, a hash of the weights, and figures with their intervals.
Rendering writes docs/results.md and fills the marked figures of README.md and docs/:

    <!--r:RECORD.FIGURE-->0.81<!--/r-->          two decimals
    <!--r:RECORD.FIGURE:.0%-->81%<!--/r-->       a Python format
    <!--r:RECORD.FIGURE.low:.3f-->0.795<!--/r--> also high and n

A figure without a record is shown as a dash. A record of other weights than the shipped ones is marked as stale.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from auricle.core.errors import InputError
from auricle.core.files import make_folder, write_text
from auricle.core.model_files import fingerprint as fingerprint

FORMAT = 1
#: Shown for a figure that has no record.
DASH = "–"
MARK = re.compile(r"<!--r:([a-z0-9-]+)\.([a-z0-9_]+)(?:\.(low|high|n))?(?::([^>]*?))?-->(.*?)<!--/r-->", re.DOTALL)
#: Packages whose versions can change a figure.
PACKAGES = ("auricle", "numpy", "soundfile", "soxr", "onnxruntime", "tokenizers", "torch", "transformers", "librosa")


class Figure(TypedDict):
    """One measured number. low, high: its interval. n: number of items. unit: empty for a share. note: one sentence."""

    name: str
    value: float
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    n: NotRequired[int | None]
    unit: NotRequired[str]
    note: NotRequired[str]


def write_record(
    folder: str | Path,
    name: str,
    *,
    command: str,
    seed: int | None,
    figures: Sequence[Figure],
    weights: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write folder/NAME.json atomically and return its path. InputError for a name or a figure that is not valid.

    weights: `fingerprint` of the measured model folder, None where no shipped weights are involved. extra: further JSON values; `about`
    (a sentence) and `pictures` (paths from docs/results) are rendered.
    """
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise InputError(f"record name {name!r}; wanted small letters, digits and hyphens")
    for figure in figures:
        _check(figure)
    folder = Path(folder)
    make_folder(folder)
    record = {
        "format": FORMAT,
        "name": name,
        "command": command,
        "seed": seed,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "commit": _commit(folder),
        "machine": describe_system(),
        "packages": package_versions(),
        "weights": weights,
        "figures": [dict(figure) for figure in figures],
        "extra": dict(extra or {}),
    }
    path = folder / f"{name}.json"
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False, default=_to_json) + "\n")
    return path


def read_records(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Read all records of a folder, by name, sorted. InputError where a file is not a record."""
    records = {}
    for path in sorted(Path(folder).glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.get("format") != FORMAT or record.get("name") != path.stem:
            raise InputError(f"{path} is not a record of format {FORMAT} named {path.stem}; write it with write_record")
        records[path.stem] = record
    return records


def is_stale(record: Mapping[str, Any], shipped: str | None) -> bool:
    """Whether a record was measured with other weights than the shipped ones."""
    return record["weights"] is not None and shipped is not None and record["weights"] != shipped


def render(records: Mapping[str, Mapping[str, Any]], shipped: str | None) -> str:
    """Render the page docs/results.md."""
    lines = [
        "# Results",
        "",
        "Rendered from the records in docs/results by `make results`; do not edit. Intervals are 95 %.",
        "",
    ]
    for name, record in records.items():
        lines += _section(name, record, is_stale(record, shipped))
    return "\n".join(lines).rstrip() + "\n"


def fill(text: str, records: Mapping[str, Mapping[str, Any]]) -> str:
    """Set every marked figure of a text to the value of its record."""

    def replacement(mark: re.Match[str]) -> str:
        opening = mark[0][: mark[0].index("-->") + 3]
        return f"{opening}{format_figure(records, mark)}<!--/r-->"

    return MARK.sub(replacement, text)


def format_figure(records: Mapping[str, Mapping[str, Any]], mark: re.Match[str]) -> str:
    """Format the figure that a match of MARK names; a dash where there is no such figure."""
    name, figure_name, part, form = mark[1], mark[2], mark[3], mark[4]
    figures = records[name]["figures"] if name in records else []
    number = next((each.get(part or "value") for each in figures if each["name"] == figure_name), None)
    if number is None:
        return DASH
    return format(number, form or ("d" if part == "n" else ".2f"))


def main(arguments: Iterable[str] | None = None) -> None:
    """Render docs/results.md and fill the marked figures, in the checkout at the current folder."""
    parser = argparse.ArgumentParser(prog="python -m auricle.bench.results", description=main.__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: here)")
    root: Path = parser.parse_args(None if arguments is None else list(arguments)).root
    if not (root / "docs").is_dir():
        raise SystemExit(f"{root.resolve()} has no docs folder; run this in a checkout of auricle, or give one with --root")
    records = read_records(root / "docs" / "results")
    shipped = fingerprint(root / "auricle" / "weights" / "auricle-tiny")
    write_text(root / "docs" / "results.md", render(records, shipped))
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        if (filled := fill(text, records)) != text:
            write_text(page, filled)
    print(f"docs/results.md: {len(records)} records, {sum(is_stale(record, shipped) for record in records.values())} stale")


def pages(root: Path) -> list[Path]:
    """Pages that may contain marked figures: the README and all pages in docs except the rendered one."""
    candidates = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page for page in candidates if page.is_file() and page != root / "docs" / "results.md"]


def _check(figure: Figure) -> None:
    if unknown := set(figure) - set(Figure.__annotations__):
        raise InputError(f"figure {figure.get('name')!r} has {sorted(unknown)}; known: {', '.join(Figure.__annotations__)}")
    if not re.fullmatch(r"[a-z0-9_]+", figure["name"]):
        raise InputError(f"figure name {figure['name']!r}; wanted small letters, digits and underscores")
    numbers = {"value": figure["value"], "low": figure.get("low"), "high": figure.get("high")}
    for part, number in numbers.items():
        if (part == "value" and number is None) or (number is not None and not math.isfinite(number)):
            raise InputError(f"figure {figure['name']!r} has {part} {number}; wanted a finite number")


def _to_json(value: Any) -> Any:
    """Convert NumPy's scalars and arrays to JSON's types."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be stored in a record; wanted a type of JSON")


def _section(name: str, record: Mapping[str, Any], stale: bool) -> list[str]:
    machine = record["machine"]
    lines = [f"## {name}", ""]
    if stale:
        lines += ["**Stale: the shipped weights have changed since this was measured.**", ""]
    if about := record["extra"].get("about"):
        lines += [about, ""]
    lines += ["| figure | value | interval | n | |", "|---|---|---|---|---|"]
    for figure in record["figures"]:
        low, high = figure.get("low"), figure.get("high")
        span = f"{_number(low)} to {_number(high)}" if low is not None and high is not None else ""
        amount = f"{_number(figure['value'])} {figure.get('unit') or ''}".strip()
        lines.append(f"| {figure['name']} | {amount} | {span} | {figure.get('n') or ''} | {figure.get('note') or ''} |")
    lines += ["", *(f"![{Path(picture).stem}](results/{picture})\n" for picture in record["extra"].get("pictures", []))]
    commit = (record["commit"] or "no commit")[:10]
    versions = ", ".join(f"{package} {version}" for package, version in record["packages"].items())
    seed = "" if record["seed"] is None else f"seed {record['seed']}, "
    lines += [
        f"`{record['command']}` ({seed}{record['date']}, commit {commit})  ",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}; {versions}",
        "",
    ]
    return lines


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _commit(folder: Path) -> str | None:
    """Hash of the checkout's commit, with `+` where tracked files outside docs are modified; None outside a checkout."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)docs")
        return head + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def commit_of_code() -> str | None:
    """Hash of the commit of the checkout that this code runs from, with `+` where it is modified; None outside a checkout."""
    package = Path(__file__).resolve().parents[1]
    try:
        if Path(_git(package, "rev-parse", "--show-toplevel")).resolve() != package.parent:
            return None  # installed inside the checkout of another project
    except (OSError, subprocess.CalledProcessError):
        return None
    return _commit(package)


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


def describe_system() -> dict[str, Any]:
    """Processor, number of usable cores, operating system and Python version."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        match = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(errors="replace"), re.MULTILINE)
        processor = match[1] if match else processor
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def package_versions() -> dict[str, str]:
    """Versions of those of PACKAGES that are installed."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


if __name__ == "__main__":
    main()
