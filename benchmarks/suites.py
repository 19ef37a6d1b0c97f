"""The shipped model by the suites that its laid-out corpora serve, with what the guard says of each.

    python benchmarks/suites.py --data DIR [--dry]

Each suite is run as `auricle score auricle-tiny SUITE --data DIR` does. ESC-50 is refused, for the model was trained on most of it; what
it scores there all the same (--allow-leaked) is recorded under its own name and says nothing of unheard clips. Writes
docs/results/suites.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from auricle.bench import suite as suites
from auricle.bench.leak_guard import LeakedError
from auricle.bench.results import Figure, write_record
from auricle.bench.score import Result, score
from auricle.listen.listener import load

ROOT = Path(__file__).resolve().parents[1]
CLEAN = ("fsdd", "fsdd-official", "fsdd-few")
LEAKED = ("esc50", "esc50-probe", "esc50-few")


def figures_of(name: str, result: Result, note: str = "") -> list[Figure]:
    """Of each metric of a result."""
    told = name.replace("-", "_")
    return [
        {"name": f"{told}_{one['metric']}", "value": one["value"], "low": one["low"], "high": one["high"], "n": one["n"], "note": note}
        for one in result.summary["scores"]
    ]


def main() -> None:
    """Score, print, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    listener, figures, marks = load(), list[Figure](), {}
    for name in (*CLEAN, *LEAKED):
        suite = suites.read_suite(name)
        items = suites.load_items(suite, asked.data)
        refused = 0
        try:
            result = score(listener, suite, items)
        except LeakedError as error:
            refused = len(error.leaks)
            result = score(listener, suite, items, allow_leaked=True)
        if bool(refused) != (name in LEAKED):
            raise SystemExit(
                f"{name}: {refused} clips refused; wanted {'some' if name in LEAKED else 'none'}: the lineage is not what it was"
            )
        chance = "" if suite.chance is None else f"chance {suite.chance:g}"
        figures += figures_of(f"leaked_{name}" if refused else name, result, f"{chance}, clips heard in training" if refused else chance)
        if refused:
            figures.append({"name": f"{name.replace('-', '_')}_refused", "value": refused, "n": len(items), "note": "clips of level clip"})
        marks[name] = result.summary["leaked"]
        print(name, [(one["metric"], round(one["value"], 3)) for one in result.summary["scores"]], result.summary["leaked"], flush=True)
    if not asked.dry:
        about = (
            "auricle-tiny by the bench's suites. Names that begin with leaked_ are of clips that the model was trained on, scored with "
            "--allow-leaked: they show how far such a score is off, and are no measure of hearing."
        )
        command = "python benchmarks/suites.py --data DIR"
        extra = {"about": about, "leaked": marks}
        print(
            write_record(
                ROOT / "docs/results", "suites", command=command, seed=0, figures=figures, weights=listener.fingerprint, extra=extra
            )
        )


if __name__ == "__main__":
    main()
