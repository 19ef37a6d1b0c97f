"""Make the recordings in this folder: sounds put together from sines, noise and clicks, so that anyone may use them for anything.

    python examples/make_examples.py [FOLDER]

The sounds are those of auricle/bench/made_sounds.py. Takes seconds; the same seed gives the same sound each time. The files are CC0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile

from auricle.bench.made_sounds import RATE, Samples, alarm, bells, engine, rain, siren

SEED = 2

SOUNDS = {"alarm": alarm, "siren": siren, "rain": rain, "engine": engine, "bells": bells}


#: Sounds that are written at a part of RATE, to keep four channels small: an engine has hardly anything above 8 kHz.
STEPS = {"engine": 2}


def at_part(sound: Samples, step: int) -> Samples:
    """The sound (C, N) at 1 / step of its rate, (C, N / step), without the frequencies that this rate cannot hold."""
    if step == 1:
        return sound
    count = sound.shape[1] // step
    return np.asarray(np.fft.irfft(np.fft.rfft(sound)[:, : count // 2], count) / step)


def main(folder: Path) -> None:
    """Write each sound as Ogg Vorbis."""
    for index, (name, make) in enumerate(SOUNDS.items()):
        sound = make(np.random.default_rng([SEED, index]))
        step = STEPS.get(name, 1)
        soundfile.write(
            folder / f"{name}.ogg", at_part(sound, step).T, RATE // step, format="OGG", subtype="VORBIS", compression_level=0.95
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
