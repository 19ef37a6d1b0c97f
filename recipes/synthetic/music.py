"""Music: pieces rendered by fluidsynth with the sound font FluidR3 GM (Frank Wen and others; MIT)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recipes.synthetic import pieces, programs
from recipes.synthetic.midi import midi_file
from recipes.synthetic.pieces import Piece
from recipes.synthetic.sound import RATE, Generator, Samples, Sound
from recipes.synthetic.waveforms import count, fade

LICENCE, AUTHOR = "MIT", "Frank Wen and others (sound font FluidR3 GM)"
URL = "https://packages.debian.org/fluid-soundfont-gm"


def rendered(compose: Callable[[np.random.Generator, float], Piece]) -> Generator:
    """A generator of what `compose` composes. The clip starts within the first beat of the piece, so not always with a note."""

    def generate(rng: np.random.Generator, seconds: float) -> Sound:
        skipped = float(rng.uniform(0, 0.5))
        piece = compose(rng, seconds + skipped)
        samples = render(piece, reverb=bool(rng.random() < 0.5))[count(skipped) :][: count(seconds)]
        return Sound(
            fade(samples, 0.003),
            piece.labels,
            piece.settings,
            LICENCE,
            AUTHOR,
            URL,
            str(piece.settings.get("melody", "")) if compose is pieces.melody else "",
        )

    return generate


def render(piece: Piece, *, reverb: bool = False) -> Samples:
    """The sound of a piece, (N,) at RATE, both channels mixed. InputError where fluidsynth or its sound font is missing, or fails."""
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "piece.mid"), Path(folder, "piece.raw")
        score.write_bytes(midi_file(piece.notes, piece.programs, piece.tempo))
        effects = "1" if reverb else "0"
        settings = ["-o", "synth.dynamic-sample-loading=1", "-o", f"synth.reverb.active={effects}", "-o", f"synth.chorus.active={effects}"]
        output = ["-r", str(RATE), "-g", "0.4", "-T", "raw", "-O", "s16", "-E", "little", "-F", str(sound)]
        programs.run("fluidsynth", ["-n", "-i", "-q", *settings, *output, programs.find_sound_font(), str(score)])
        stereo = np.frombuffer(sound.read_bytes(), dtype="<i2").reshape(-1, 2)
    return np.asarray(stereo.mean(axis=1) / 32768)


band, solo, drums = rendered(pieces.band), rendered(pieces.solo), rendered(pieces.drums)
orchestra, melody = rendered(pieces.orchestra), rendered(pieces.melody)
