"""Every published encoder at its published size, with weights from a seed: what it costs, and whether awkward clips come out right.

    python benchmarks/encoders.py [--only NAME ...] [--work FILE] [--dry]

Each is written as a model folder and heard through a Listener, as a user would. Clips: 0.3 s and 31 s, and ten minutes for the smallest
size of each family and front-end (of at most 150 M numbers), since the others differ in numbers alone; made of noise bursts, tones and
clicks. Wanted: finite, the same twice, everything covered, and eight clips of mixed lengths together as each alone (sizes over 150 M
numbers: four clips). Speed is seconds of sound a second of processor time, which other work on the machine hardly moves. It takes an hour
on one core: --work keeps what was measured, so that an interrupted run goes on. Writes docs/results/encoders.json.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import auricle
from auricle.bench.results import Figure, write_record
from auricle.core.config import encoder_config
from auricle.models.encoders.factory import open_encoder, published_size, published_sizes
from auricle.models.folder import save
from auricle.models.model import Model
from auricle.signal.presets import PRESETS

ROOT = Path(__file__).resolve().parents[1]
SEED = 0
RATE = 16_000
MIXED = (0.3, 0.7, 1.0, 2.5, 4.0, 6.0, 9.9, 13.0)  # seconds
LARGE = 150_000_000  # numbers


def sound(seconds: float) -> auricle.Clip:
    """Noise bursts, a rising tone and clicks, one after the other, each in thirds of two seconds."""
    rng = np.random.default_rng(SEED)
    times = np.arange(round(seconds * RATE)) / RATE
    bursts = 0.2 * rng.standard_normal(times.size)
    rising = 0.3 * np.sin(2 * np.pi * (200 + 300 * (times % 2)) * times)
    clicks = 0.5 * (np.arange(times.size) % (RATE // 5) < RATE // 500)
    third = (times % 2 * 1.5).astype(int)
    return auricle.Clip(np.choose(third, [bursts, rising, clicks]).astype(np.float32), RATE, f"{seconds:g} s")


def folder_of(name: str, into: Path) -> Model:
    """A model folder of a published size with weights from the seed."""
    settings = published_size(name)
    torch.manual_seed(SEED)
    encoder = open_encoder(settings)
    preset = PRESETS[str(encoder.frontend)]
    window = preset.fixed_frames * preset.hop / preset.rate if preset.fixed_frames else 10.0
    config = encoder_config(
        name=name,
        source="weights from a seed",
        frontend=str(encoder.frontend),
        window=window,
        policy="repeatpad" if settings["family"] == "htsat" else "any",
        encoder=settings,
        dim=int(getattr(encoder, "size")),  # noqa: B009 - a module's attributes are not typed
        labels=[f"label {place}" for place in range(settings.get("labels", 0))],
    )
    model = Model(config)
    save(into, model, {})
    return model


def look_at(name: str, folder: Path) -> list[Figure]:
    """Figures of one encoder; AssertionError where a clip comes out wrong."""
    model = folder_of(name, folder)
    parameters = sum(parameter.numel() for parameter in model.encoder.parameters())
    del model
    gc.collect()
    listener = auricle.load(folder, "torch-fp32")
    for seconds in (0.3, 31.0):
        once, again = (listener.embed_audio(sound(seconds)) for _ in range(2))
        assert np.isfinite(once).all() and np.array_equal(once, again), (name, seconds)
        with listener.open(sound(seconds)) as hearing:
            assert sum(1 for _ in hearing) and hearing.sound.coverage == 1, (name, seconds)
    clips = [sound(seconds) for seconds in MIXED[:: 2 if parameters > LARGE else 1]]
    together, alone = listener.embed_audio(clips), np.concatenate([listener.embed_audio(clip) for clip in clips])
    apart = float(np.abs(together - alone).max())
    assert apart <= 1e-5, (name, apart)
    label = name.replace("-", "_")
    note = f"largest difference of a vector, {len(clips)} clips at once and alone; 0.3 s and 31 s the same twice and covered"
    figures: list[Figure] = [
        {"name": f"{label}_parameters", "value": parameters, "unit": "", "n": 1, "note": "numbers in the encoder"},
        {"name": f"{label}_mixed", "value": apart, "n": len(clips), "note": note},
    ]
    if name not in smallest() or parameters > LARGE:
        return figures
    began = time.process_time()
    with listener.open(sound(600.0)) as hearing:
        long = np.stack([part.vector for part in hearing if part.vector is not None])
    speed = 600 / (time.process_time() - began)
    assert hearing.sound.coverage == 1 and np.isfinite(long).all(), name
    note = f"{len(long)} windows of ten minutes, finite and covered; one core"
    return [*figures, {"name": f"{label}_speed", "value": speed, "unit": "x", "n": 1, "note": note}]


@functools.cache
def smallest() -> frozenset[str]:
    """Of each family with each of its front-ends and shapes, the size with the fewest numbers."""
    found: dict[tuple[object, ...], tuple[int, str]] = {}
    for name in published_sizes():
        settings = published_size(name)
        with torch.device("meta"):
            encoder = open_encoder(settings)
        kind = (settings["family"], encoder.frontend, *(str(settings.get(key)) for key in ("kind", "patch", "decision")))
        count = sum(parameter.numel() for parameter in encoder.parameters())
        found[kind] = min(found.get(kind, (count, name)), (count, name))
    return frozenset(name for _, name in found.values())


def main() -> None:
    """Look at each, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(published_sizes()), choices=published_sizes())
    parser.add_argument("--work", type=Path, metavar="FILE", help="what was measured so far")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    done: dict[str, list[Figure]] = {}
    if asked.work is not None and asked.work.exists():
        done = dict(json.loads(line) for line in asked.work.read_text().splitlines())
    for name in asked.only:
        if name not in done:
            with tempfile.TemporaryDirectory() as place:
                done[name] = look_at(name, Path(place) / name)
            if asked.work is not None:
                with asked.work.open("a") as lines:
                    lines.write(json.dumps([name, done[name]]) + "\n")
        print(f"{name:28} " + "  ".join(f"{figure['value']:.6g}" for figure in done[name]), flush=True)
    figures = [figure for name in asked.only for figure in done[name]]
    if not asked.dry:
        about = "Published encoders at published sizes, weights from a seed, through a Listener: clips of 0.3 s, 31 s and ten minutes."
        command = "python benchmarks/encoders.py"
        print(write_record(ROOT / "docs" / "results", "encoders", command=command, seed=SEED, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
