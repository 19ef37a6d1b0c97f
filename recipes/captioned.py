"""Captioned scenes composed from real recordings: manifests for training and evaluation with disjoint source recordings.

    python -m recipes.captioned --data DIR -o runs/captioned [--scenes 6000] [--tests 600] [--seed 0]

Each scene lasts five seconds and mixes one to three ESC-50 clips over ambience. It has a true caption, paraphrases of it, and false
captions: wrong in order (style `swapped`), in number or presence (`partial`). Train and test scenes share no source recording: fold 4 of
every corpus, clips and ambience, is the test set. Writes audio/, train.jsonl, test.jsonl and order.jsonl (test scenes of two or three
consecutive sounds, with the caption in true and in swapped order). Takes half an hour for 6000 scenes on one core. The licences of the
source recordings apply; the scenes are for research and must not be redistributed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from auricle.core.files import atomic_file
from auricle.data.compose.captioned import CaptionedScene, compose_captioned_scene
from auricle.data.compose.scenes import Mix, Source, load_source
from auricle.data.corpora import read
from auricle.data.corpora.clip_table import Row, fold
from auricle.data.grammar import TEMPLATES, Relation, default_phrases, render
from auricle.data.item import Caption, Item
from auricle.data.manifest import write

RATE, SECONDS, TEST_FOLD = 16_000, 5.0, 4
MIX = Mix(seconds=SECONDS, snr=(12.0, 26.0))
_STYLES = {"order": "swapped"}  # kind of error -> style of the caption; all others are `partial`

_clips: list[Source] = []
_backgrounds: list[Source] = []


def _load_sources(rows: Sequence[Row], backgrounds: Sequence[Row]) -> None:
    """Load the recordings in a worker process."""
    _clips.extend(load_source(row, rate=RATE) for row in rows)
    _backgrounds.extend(load_source(row, rate=RATE) for row in backgrounds)


def _write_scene(job: tuple[str, int, int, Path]) -> Item:
    """Compose one scene and write its audio; returns its item."""
    part, number, seed, folder = job
    rng = np.random.default_rng([seed, {"train": 0, "test": 1, "order": 2}[part], number])
    relations: tuple[Relation, ...] = (
        ("before",) if part == "order" else ("sounds", "before", "before", "while", "count", "louder", "without")
    )
    scene = compose_captioned_scene(rng, _clips, _backgrounds, rate=RATE, relations=relations, mix=MIX)
    name = f"{part}-{number:05}"
    path = folder / f"{name}.flac"
    with atomic_file(path) as partial:
        soundfile.write(partial, scene.samples, RATE, format="FLAC")
    return Item(
        id=name,
        audio=path,
        captions=captions(scene, rng),
        labels=tuple(sorted({event.label for event in scene.content.events})),
        corpus="composed",
        source=name,
        licence="see the recordings it was composed from",
        duration=SECONDS,
    )


def captions(scene: CaptionedScene, rng: np.random.Generator) -> tuple[Caption, ...]:
    """The scene's caption, its paraphrases, and false captions, which are never drawn (weight 0)."""
    statement, phrases = scene.statement, default_phrases()
    kind = "before3" if statement.relation == "before" and len(statement.labels) == 3 else statement.relation
    paraphrases = [render(statement, phrases, template=index) for index in rng.permutation(len(TEMPLATES[kind])).tolist()]
    true = [Caption(scene.caption), *(Caption(text, style="rewritten") for text in paraphrases if text != scene.caption)]
    false = [Caption(negative.text, style=_STYLES.get(negative.kind, "partial"), weight=0.0) for negative in scene.negatives]
    return (*true, *false)


def main() -> None:
    """Compose all scenes and write the manifests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/captioned"))
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--tests", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = read(options.data, ["esc50", "ambience"])
    (options.output / "audio").mkdir(parents=True, exist_ok=True)
    for part, count, is_test in (("train", options.scenes, False), ("test", options.tests, True), ("order", options.tests, True)):
        start = time.monotonic()
        of_part = [row for row in rows if (fold(row) == TEST_FOLD) == is_test]
        clips = [row for row in of_part if row.corpus != "ambience"]
        backgrounds = [row for row in of_part if row.corpus == "ambience"]
        jobs = [(part, number, options.seed, options.output.resolve() / "audio") for number in range(count)]
        with ProcessPoolExecutor(2, initializer=_load_sources, initargs=(clips, backgrounds)) as pool:
            items = list(pool.map(_write_scene, jobs, chunksize=16))
        write(options.output / f"{part}.jsonl", items)
        seconds = time.monotonic() - start
        print(f"{part}: {count} scenes from {len(clips)} clips and {len(backgrounds)} backgrounds in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
