"""What a model says of the sounds it never heard: ESC-50 clips, composed scenes and foreign files of one fold, as logits with truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from auricle.core.config import CLIP_LOGITS, EMBEDDING, FRAME_LOGITS, ModelConfig
from auricle.core.records import Clip
from auricle.data.compose.feature_bank import FeatureBank
from auricle.data.corpora.clip_table import Row, fold
from auricle.listen.listener import Outputs, load
from auricle.tasks import detection, tagging
from recipes.tiny.decisions import LabelledOutputs
from recipes.tiny.evaluation import OutOfDomain, Scene, make_scenes

#: Corpora whose words are not ESC-50's: what a listener claims there is a claim about foreign sound.
FOREIGN = ("wakewords", "speech_text", "librosa_examples", "fsdd", "sonicpi")
#: Other corpora, reported by name: what a user meets.
MET = ("opensfx", "minetest", "kenney")
SILENCE = "silence"
SCENES_A_FOLD = 120
SILENCES_A_FOLD = 30
RATE = 16000


def esc50_words(rows: Sequence[Row]) -> tuple[str, ...]:
    """ESC-50's 50 classes as plain words, in the order of their targets."""
    return tuple(word for _, word in sorted({(row.target, row.labels[0]) for row in rows if row.corpus == "esc50"}))


def scenes_of_fold(rows: Sequence[Row], left: int) -> list[Scene]:
    """Composed scenes of the fold's ESC-50 clips over that fold's ambience (over all ambience where the fold has none)."""
    clips = [row for row in rows if row.corpus == "esc50" and fold(row) == left]
    beds = [row for row in rows if row.corpus == "ambience" and fold(row) == left]
    return make_scenes(clips, beds or [row for row in rows if row.corpus == "ambience"], count=SCENES_A_FOLD, rate=RATE, seed=left)


def out_of_domain_sounds(rows: Sequence[Row], left: int) -> list[OutOfDomain]:
    """The fold's files outside ESC-50, and silence."""
    files = [row for row in rows if row.corpus in FOREIGN + MET and fold(row) == left]
    return [OutOfDomain(row.corpus, row.path, row.labels) for row in files] + silences(left)


def silences(seed: int) -> list[OutOfDomain]:
    """What recorders leave when nothing sounds, half a second to twenty: digital zero, 16-bit dither, hiss of -80 to -60 dBFS."""
    rng = np.random.default_rng([seed, 1])
    found = []
    for index in range(SILENCES_A_FOLD):
        length = int(rng.uniform(0.5, 20.0) * RATE)
        noise = rng.standard_normal(length) * 10 ** (rng.uniform(-80, -60) / 20)
        dither = np.round(rng.uniform(-1, 1, length)) / 32768
        samples = (np.zeros(length), dither, noise)[index % 3].astype(np.float32)
        found.append(OutOfDomain(SILENCE, Clip(samples, RATE)))
    return found


def esc50_hits(folder: Path, rows: Sequence[Row], bank: FeatureBank, left: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the fold's ESC-50 clips get their own class as the best of the 50: bool (N,), and each clip's source recording."""
    listener, words = load(folder), esc50_words(rows)
    columns = [listener.labels.index(word) for word in words]
    chosen = [i for i, row in enumerate(rows) if row.corpus == "esc50" and fold(row) == left]
    best = [int(listener.runtime.run(bank.plain(i)[None])[CLIP_LOGITS][0][columns].argmax()) for i in chosen]
    return np.array([rows[i].target for i in chosen]) == np.array(best), np.array([rows[i].source for i in chosen])


def labelled_outputs(folder: Path, rows: Sequence[Row], bank: FeatureBank, left: int) -> LabelledOutputs:
    """Logits of the fold's model for the fold's own sounds, none of which it was trained on."""
    listener = load(folder)
    labels = listener.labels
    truth = np.array([[label in row.labels for label in labels] for row in rows])
    watched = np.isin(labels, esc50_words(rows))
    clips = [i for i, row in enumerate(rows) if row.corpus == "esc50" and fold(row) == left]
    foreign = [i for i, row in enumerate(rows) if row.corpus in FOREIGN and fold(row) == left]
    heard = [listener.runtime.run(bank.plain(i)[None]) for i in clips]
    vectors = np.stack([outputs[EMBEDDING][0] for outputs in heard])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scenes = scenes_of_fold(rows, left)
    said = [list(listener.outputs(Clip(scene.samples, scene.rate))) for scene in scenes]
    frames = [stitched(outputs, listener.config) for outputs in said]
    rate = listener.config.frame_rate
    return LabelledOutputs(
        clip=np.stack([_best_evidence([outputs]) for outputs in heard]),
        clip_truth=truth[clips],
        cosines=vectors @ listener.embed_text(list(labels)).T,
        scene=np.stack([_best_evidence(outputs) for outputs in said]),
        scene_truth=np.array([[label in scene.words for label in labels] for scene in scenes]),
        frames=np.stack(frames),
        frame_truth=np.stack([detection.encode(scene.events, labels, frame_rate=rate, frames=len(frames[0])) for scene in scenes]),
        foreign=np.stack([_best_evidence(listener.outputs(rows[i].path)) for i in foreign]),
        false_positives=watched & ~truth[foreign],
    )


def _best_evidence(windows: Iterable[Outputs]) -> np.ndarray:
    return np.asarray(np.max([tagging.evidence(window[CLIP_LOGITS][0], window[FRAME_LOGITS][0]) for window in windows], axis=0))


def stitched(windows: Sequence[Outputs], config: ModelConfig) -> np.ndarray:
    """Frame logits (T, K) of a whole recording: the central part of each of its windows, as listen.timeline.Timeline keeps them."""
    edge, step = int(config.window.context * config.frame_rate), round(config.window.hop * config.frame_rate)
    parts = []
    for index, window in enumerate(windows):
        first = edge if index else 0
        parts.append(window[FRAME_LOGITS][0][first : None if index + 1 == len(windows) else step + edge])
    return np.concatenate(parts)
