"""Calibration before and after `auricle calibrate`, on sources that were not fitted to: a published model and the shipped one.

    python benchmarks/calibration.py --data CORPORA --weights mn04_as_mAP_432.pt

CORPORA is the folder that docs/data.md describes. EfficientAT's mn04 (AudioSet) is calibrated on ESC-50 and, apart from that, on corpora of
everyday sounds; auricle-tiny on those corpora, of which it has not heard a clip. Labels are matched as `auricle listen --labels` matches
them. The model that was calibrated on ESC-50 is scored on the other corpora too: how far a calibration carries over to other recordings.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import auricle
from auricle.bench.leak_guard import LeakedError
from auricle.bench.results import Figure, fingerprint, write_record
from auricle.data import corpora, manifest
from auricle.data.compose import scenes
from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.item import Item
from auricle.listen.listener import Listener
from auricle.recipes.calibrating import Calibration, CalibrationSettings, calibrate

ROOT = Path(__file__).resolve().parents[1]
#: Folders with a clip table whose labels are plain words.
EVERYDAY = ("berklee_olpc", "open_misc", "cc_sounds", "open_ambience", "luanti_animals", "openclonk")
ABOUT = (
    "Expected calibration error (ece: 15 bins of equal width, adaptive: of equal count), log loss (nats per decision), Brier score and F1 "
    "at the thresholds, before and after calibration, cross-validated over sources, with 95 % intervals over sources. mn04: EfficientAT's "
    "mn04_as, its AudioSet labels that the labels of the corpora name; tiny: auricle-tiny; words: its texts. everyday: berklee_olpc, "
    "open_misc, cc_sounds, open_ambience, luanti_animals and openclonk, without clips that the model was trained on. carried: calibrated "
    "on ESC-50, scored on everyday."
)
SEED = 0
#: Of scenes: Hz, how many, and from how many groups of recordings.
RATE, SCENES, GROUPS = 16_000, 400, 10


def everyday_rows(data: Path) -> list[Row]:
    """The clips of the corpora of everyday sounds, each with its one label, or none."""

    def labels_of(row: Row) -> tuple[str, ...]:
        return (row.label.replace("_", " "),) if row.label else ()

    return [row for name in EVERYDAY for row in read_table(data, name, name, labels_of)]


def scene_items(listener: Listener, rows: Sequence[Row], folder: Path) -> list[Item]:
    """Scenes with events, written to a folder. Rows of one source are in the scenes of one group."""
    rng, noise = np.random.default_rng(SEED), np.random.default_rng(SEED + 1).normal(0, 0.01, 30 * RATE)
    known = [row for row in rows if row.labels and listener.vocabulary.find(row.labels[0]) is not None]
    others = [row for row in rows if row.labels and listener.vocabulary.find(row.labels[0]) is None]
    chosen = known + [others[index] for index in rng.permutation(len(others))[: len(known)]]
    names = sorted({(row.corpus, row.source) for row in chosen})
    group_of = dict(zip(names, rng.permutation(len(names)) % GROUPS, strict=True))
    items = []
    for group in range(GROUPS):
        clips = [scenes.load_source(row, rate=RATE) for row in chosen if group_of[row.corpus, row.source] == group]
        for number in range(SCENES // GROUPS):
            samples, events = scenes.compose_scene(rng, clips, [scenes.Source(noise, ())], rate=RATE)
            path = folder / f"{group}-{number}.wav"
            soundfile.write(path, samples, RATE)
            items.append(Item(id=path.stem, audio=path, events=tuple(events), corpus="scenes", source=f"group {group}", duration=10.0))
    return items


def calibrate_unheard(listener: Listener, items: Sequence[Item], *outputs: str) -> Calibration:
    """Calibrate on those of the items that the model was not trained on."""
    settings = CalibrationSettings(outputs=outputs, seed=SEED)
    kept = list(items)
    while True:
        try:
            return calibrate(listener, kept, settings=settings)
        except LeakedError as error:  # by name first, then by sound
            leaked = {leak.item for leak in error.leaks}
            kept = [item for item in kept if item.id not in leaked]


def figures(prefix: str, report: Mapping[str, Any], output: str, *, carried: Mapping[str, Any] | None = None) -> list[Figure]:
    """Scores of one output before and after. carried: report of a calibrated model, whose scores before are those after here."""
    (section,) = [one for one in report["outputs"] if one["output"] == output]
    after = section if carried is None else next(one for one in carried["outputs"] if one["output"] == output)
    made: list[Figure] = []
    for place, score in enumerate(section["scores"]):
        both = {"before": score["before"], "after": after["scores"][place]["after" if carried is None else "before"]}
        for when, value in both.items():
            name, unit = f"{prefix}_{score['metric']}_{when}", "nats" if score["metric"] == "nll" else ""
            low, high = value["low"], value["high"]
            made.append({"name": name, "value": value["value"], "low": low, "high": high, "n": section["decisions"], "unit": unit})
    made.append({"name": f"{prefix}_labels", "value": len(section["calibration"]["bias"]), "n": section["clips"]})
    return made


def main() -> None:
    """Calibrate, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the corpora (docs/data.md)")
    parser.add_argument("--weights", type=Path, required=True, help="mn04_as_mAP_432.pt of EfficientAT")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "results", help="folder of the record")
    given = parser.parse_args()
    rows, esc50 = everyday_rows(given.data), manifest.items_from_rows(corpora.read(given.data, ["esc50"]))
    everyday, tiny = manifest.items_from_rows(rows), auricle.load("auricle-tiny")
    unheard = calibrate_unheard(tiny, everyday, "clip_logits", "words")
    made = [*figures("tiny_everyday", unheard.report, "clip_logits"), *figures("tiny_words", unheard.report, "words")]
    with tempfile.TemporaryDirectory() as folder:
        paths = {item.audio for item in unheard.items}
        composed = scene_items(tiny, [row for row in rows if row.path in paths], Path(folder))
        found = calibrate_unheard(tiny, composed, "clip_logits", "frame_logits").report
    made += [*figures("tiny_scenes", found, "clip_logits"), *figures("tiny_frames", found, "frame_logits")]
    published = auricle.load(given.weights, device="cpu")
    on_everyday = calibrate_unheard(published, everyday, "clip_logits").report
    on_esc50 = calibrate_unheard(published, esc50, "clip_logits")
    made += figures("mn04_everyday", on_everyday, "clip_logits") + figures("mn04_esc50", on_esc50.report, "clip_logits")
    with tempfile.TemporaryDirectory() as folder:
        carried = calibrate_unheard(auricle.load(on_esc50.save(Path(folder) / "esc50"), device="cpu"), everyday, "clip_logits").report
    made += figures("mn04_carried", on_everyday, "clip_logits", carried=carried)
    for figure in made:
        print(figure)
    command = "python benchmarks/calibration.py --data CORPORA --weights mn04_as_mAP_432.pt"
    weights = fingerprint(ROOT / "auricle" / "weights" / "auricle-tiny")
    write_record(given.results, "calibration", command=command, seed=SEED, figures=made, weights=weights, extra={"about": ABOUT})


if __name__ == "__main__":
    main()
