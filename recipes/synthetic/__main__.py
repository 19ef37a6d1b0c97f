"""Synthetic training sounds: music, speech, alarms, bells, engines, impacts, tones, noise and silence, as a corpus like the recorded ones.

    python -m recipes.synthetic --out DIR [--count N] [--only KIND ...] [--seed 0] [--data DIR] [--processes N]

Writes DIR/synthetic: Ogg Vorbis, 16 kHz, 4 to 10 s a clip, with clips.csv and ATTRIBUTION.md. Many clips are put into made-up rooms, over
noise or (with --data) recorded ambience, through limited bands and codecs. Clips that are there already are not made again; a larger
--count or another --only adds to them. Music needs fluidsynth and FluidR3 GM, speech espeak-ng and flite; other kinds need no program.
`speech-kokoro` (pip packages, ten seconds a clip) is made only where --only names it. Expected: see the record `synthetic` in
docs/results.md. Hardware: one core, six clips a second. Deterministic.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from auricle.core.errors import AuricleError
from recipes.synthetic.build import build
from recipes.synthetic.kinds import KINDS

_REPORT_EVERY = 5.0  # seconds


def main() -> None:
    """Parse the command line, make the clips, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m recipes.synthetic", description="Make synthetic training sounds.")
    parser.add_argument("--out", type=Path, required=True, help="data root; the clips get their own folder there")
    parser.add_argument("--count", type=int, default=100, help="clips of each kind (default 100)")
    parser.add_argument("--only", nargs="+", metavar="KIND", help=f"kinds to make: {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="root of prepared corpora, whose ambience is mixed under some clips")
    parser.add_argument("--processes", type=int, default=1, help="processes that make clips at once (default 1)")
    options = parser.parse_args()
    kinds = options.only or [name for name, kind in KINDS.items() if not kind.slow]
    start = time.monotonic()
    try:
        counts = dict.fromkeys(kinds, options.count)
        made = build(options.out, counts, seed=options.seed, data=options.data, processes=options.processes, progress=_reporter())
    except AuricleError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit("stopped; the finished clips stay, and the same command goes on") from None
    print(f"{options.out}: made {made} clips in {time.monotonic() - start:.0f} s; {len(kinds) * options.count} of these kinds are there")


def _reporter() -> Callable[[int, int], None]:
    """Prints the number of clips every few seconds."""
    start = last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REPORT_EVERY:
            last = now
            print(f"{done}/{total} clips, {done / (now - start):.1f} a second", flush=True)

    return report


if __name__ == "__main__":
    main()
