"""Captioned scenes composed from real recordings: manifests to pretrain on and to score, with left-out source recordings.

    python -m recipes.captioned --data DIR --out runs/captioned [--scenes 6000] [--tests 600] [--seed 0]

Scenes of five seconds, of one to three of ESC-50's clips over ambience, each with a caption that is true of it, other wordings of the same,
and captions that are false of it: in order (style `swapped`), in number or presence (`partial`). Train and test scenes share no source
recording: fold 4 of every corpus is tested on, with its clips and its ambience. Writes audio/, train.jsonl, test.jsonl and order.jsonl
(test scenes of two or three sounds after each other alone, with the caption in its true and in its swapped order). Takes half an hour for
6000 scenes on one core. Licences: scenes hold what their sources are licensed under, which each line lists; they are for study, not to be
shipped.
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
_SPREAD = {"order": "swapped"}  # kind of what is wrong -> style of the caption; all others are `partial`

_clips: list[Source] = []
_beds: list[Source] = []


def _open(rows: Sequence[Row], beds: Sequence[Row]) -> None:
    """Recordings of a worker process."""
    _clips.extend(load_source(row, rate=RATE) for row in rows)
    _beds.extend(load_source(row, rate=RATE) for row in beds)


def _made(job: tuple[str, int, int, Path]) -> Item:
    """One scene: written, and its line."""
    part, number, seed, folder = job
    rng = np.random.default_rng([seed, {"train": 0, "test": 1, "order": 2}[part], number])
    relations: tuple[Relation, ...] = (
        ("before",) if part == "order" else ("sounds", "before", "before", "while", "count", "louder", "without")
    )
    scene = compose_captioned_scene(rng, _clips, _beds, rate=RATE, relations=relations, mix=MIX)
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
    """The scene's caption, the same statement in other templates, and false captions, which are never drawn (weight 0)."""
    statement, phrases = scene.statement, default_phrases()
    kind = "before3" if statement.relation == "before" and len(statement.labels) == 3 else statement.relation
    others = [render(statement, phrases, template=index) for index in rng.permutation(len(TEMPLATES[kind])).tolist()]
    true = [Caption(scene.caption), *(Caption(text, style="rewritten") for text in others if text != scene.caption)]
    false = [Caption(negative.text, style=_SPREAD.get(negative.kind, "partial"), weight=0.0) for negative in scene.negatives]
    return (*true, *false)


def main() -> None:
    """Compose all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/captioned"))
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--tests", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rows = read(asked.data, ["esc50", "ambience"])
    (asked.out / "audio").mkdir(parents=True, exist_ok=True)
    for part, count, tested in (("train", asked.scenes, False), ("test", asked.tests, True), ("order", asked.tests, True)):
        began = time.monotonic()
        chosen = [row for row in rows if (fold(row) == TEST_FOLD) == tested]
        clips, beds = ([row for row in chosen if (row.corpus == "ambience") == bed] for bed in (False, True))
        jobs = [(part, number, asked.seed, asked.out.resolve() / "audio") for number in range(count)]
        with ProcessPoolExecutor(2, initializer=_open, initargs=(clips, beds)) as pool:
            items = list(pool.map(_made, jobs, chunksize=16))
        write(asked.out / f"{part}.jsonl", items)
        print(f"{part}: {count} scenes of {len(clips)} clips over {len(beds)} beds in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
