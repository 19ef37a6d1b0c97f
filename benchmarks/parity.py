"""Published code beside ours on weights that it made itself: relative differences, a figure each, for the record.

    AURICLE_UPSTREAM=DIR AURICLE_UPSTREAM_PYTHON=python python benchmarks/parity.py [--only NAME ...] [--dry]

docs/parity.md tells how to make both. Writes docs/results/parity.json.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from auricle.bench.results import Figure, write_record
from tests.parity.test_upstream import SCRIPTS, compare


def main() -> None:
    """Compare, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[script.stem for script in SCRIPTS])
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    if "AURICLE_UPSTREAM" not in os.environ:
        parser.error("AURICLE_UPSTREAM names no folder of published repositories; docs/parity.md tells how to make it")
    figures: list[Figure] = []
    for script in SCRIPTS:
        if script.stem not in asked.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for what, difference in compare(script, Path(folder)).items():
                name = f"{script.stem.replace('-', '_')}_{what}"
                figures.append({"name": name, "value": difference, "n": 1, "note": f"relative difference of {what}, whole chain"})
                print(f"{script.stem:28} {what:14} {difference:.2e}", flush=True)
    if not asked.dry:
        about = "Published modules, with weights from a seed, beside ours that read the file they wrote: |ours - theirs| / |theirs|."
        command = "AURICLE_UPSTREAM=DIR AURICLE_UPSTREAM_PYTHON=python python benchmarks/parity.py"
        print(write_record(ROOT / "docs" / "results", "parity", command=command, seed=0, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
