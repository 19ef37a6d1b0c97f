"""A figure is a record: benchmarks and recipes write docs/results/NAME.json; `python -m auricle.bench.results` renders them.

A record says the command, seed, commit, machine, date, package versions and a hash of the weights, and lists its figures with
their intervals. Rendering writes docs/results.md and fills the marked figures of README.md and docs/:

    <!--r:RECORD.FIGURE-->0.81<!--/r-->          two decimals
    <!--r:RECORD.FIGURE:.0%-->81%<!--/r-->       a Python format
    <!--r:RECORD.FIGURE.low:.3f-->0.795<!--/r--> also high and n

A figure without a record is shown as a dash. A record whose weights are not the shipped ones is printed as stale.
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
#: What stands where a figure has no record yet.
DASH = "–"
MARK = re.compile(r"<!--r:([a-z0-9-]+)\.([a-z0-9_]+)(?:\.(low|high|n))?(?::([^>]*?))?-->(.*?)<!--/r-->", re.DOTALL)
#: Packages whose versions can move a figure.
PACKAGES = ("auricle", "numpy", "soundfile", "soxr", "onnxruntime", "tokenizers", "torch", "transformers", "librosa")


class Figure(TypedDict):
    """One number. low, high: its interval. n: how many items it rests on. unit: empty for a share. note: one sentence."""

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
    """Writes folder/NAME.json whole or not at all and returns its path.

    weights: `fingerprint` of the model folder that was measured, None where no shipped weights are involved.
    extra: whatever else JSON can hold; `about` (a sentence) and `pictures` (paths from docs/results) are rendered.
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
        "machine": machine(),
        "packages": versions(),
        "weights": weights,
        "figures": [dict(figure) for figure in figures],
        "extra": dict(extra or {}),
    }
    path = folder / f"{name}.json"
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False, default=_plain) + "\n")
    return path


def read_records(folder: str | Path) -> dict[str, dict[str, Any]]:
    """All records of a folder by name, in alphabetical order."""
    records = {}
    for path in sorted(Path(folder).glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.get("format") != FORMAT or record.get("name") != path.stem:
            raise InputError(f"{path} is not a record of format {FORMAT} named {path.stem}; write it with write_record")
        records[path.stem] = record
    return records


def is_stale(record: Mapping[str, Any], shipped: str | None) -> bool:
    """True where the record names weights that are not the shipped ones."""
    return record["weights"] is not None and shipped is not None and record["weights"] != shipped


def render(records: Mapping[str, Mapping[str, Any]], shipped: str | None) -> str:
    """The page docs/results.md."""
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
    """The same text with every marked figure set to what its record says."""

    def value(found: re.Match[str]) -> str:
        opening = found[0][: found[0].index("-->") + 3]
        return f"{opening}{shown(records, found)}<!--/r-->"

    return MARK.sub(value, text)


def shown(records: Mapping[str, Mapping[str, Any]], found: re.Match[str]) -> str:
    """What a mark should hold: the formatted figure, or a dash where there is none."""
    name, figure_name, part, form = found[1], found[2], found[3], found[4]
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
        raise SystemExit(f"{root.resolve()} has no docs folder; run this in a checkout of auricle, or name one with --root")
    records = read_records(root / "docs" / "results")
    shipped = fingerprint(root / "auricle" / "weights" / "auricle-tiny")
    write_text(root / "docs" / "results.md", render(records, shipped))
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        if (filled := fill(text, records)) != text:
            write_text(page, filled)
    print(f"docs/results.md: {len(records)} records, {sum(is_stale(record, shipped) for record in records.values())} stale")


def pages(root: Path) -> list[Path]:
    """Pages that may quote figures: the README and everything in docs but the rendered page."""
    found = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page for page in found if page.is_file() and page != root / "docs" / "results.md"]


def _check(figure: Figure) -> None:
    if unknown := set(figure) - set(Figure.__annotations__):
        raise InputError(f"figure {figure.get('name')!r} has {sorted(unknown)}; known: {', '.join(Figure.__annotations__)}")
    if not re.fullmatch(r"[a-z0-9_]+", figure["name"]):
        raise InputError(f"figure name {figure['name']!r}; wanted small letters, digits and underscores")
    numbers = {"value": figure["value"], "low": figure.get("low"), "high": figure.get("high")}
    for part, number in numbers.items():
        if (part == "value" and number is None) or (number is not None and not math.isfinite(number)):
            raise InputError(f"figure {figure['name']!r} has {part} {number}; wanted a finite number")


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays as JSON's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be kept in a record; wanted what JSON holds")


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
    """Hash of the checkout's commit, with `+` where tracked files outside docs differ from it; None outside a checkout."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)docs")
        return head + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def commit_of_code() -> str | None:
    """Hash of the commit of the checkout that this code runs from, with `+` where it was changed; None outside a checkout."""
    package = Path(__file__).resolve().parents[1]
    try:
        if Path(_git(package, "rev-parse", "--show-toplevel")).resolve() != package.parent:
            return None  # installed into somebody else's checkout
    except (OSError, subprocess.CalledProcessError):
        return None
    return _commit(package)


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


def machine() -> dict[str, Any]:
    """What a figure was measured on."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        named = re.search(r"^model name\s*:\s*(.+)$", information.read_text(errors="replace"), re.MULTILINE)
        processor = named[1] if named else processor
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Installed versions of PACKAGES."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
