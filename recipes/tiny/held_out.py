"""Outputs of a fold model on its held-out sounds: ESC-50 clips, composed scenes and out-of-domain files, with targets."""

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

#: Corpora of other sounds than ESC-50's classes, on which the threshold is fitted.
OUT_OF_DOMAIN = ("wakewords", "speech_text", "librosa_examples", "fsdd", "sonicpi")
#: Further corpora, reported only, because they may contain sounds of ESC-50's classes.
REPORTED = ("opensfx", "minetest", "kenney")
SILENCE = "silence"
SCENES_PER_FOLD = 120
SILENCES_PER_FOLD = 30
RATE = 16000


def esc50_labels(rows: Sequence[Row]) -> tuple[str, ...]:
    """Labels of ESC-50's 50 classes, in the order of their targets."""
    return tuple(label for _, label in sorted({(row.target, row.labels[0]) for row in rows if row.corpus == "esc50"}))


def scenes_of_fold(rows: Sequence[Row], left: int) -> list[Scene]:
    """Compose scenes of the fold's ESC-50 clips over that fold's ambience (over all ambience where the fold has none)."""
    clips = [row for row in rows if row.corpus == "esc50" and fold(row) == left]
    backgrounds = [row for row in rows if row.corpus == "ambience" and fold(row) == left]
    return make_scenes(clips, backgrounds or [row for row in rows if row.corpus == "ambience"], count=SCENES_PER_FOLD, rate=RATE, seed=left)


def out_of_domain_sounds(rows: Sequence[Row], left: int) -> list[OutOfDomain]:
    """Files of the fold outside ESC-50, and synthetic silence."""
    files = [row for row in rows if row.corpus in OUT_OF_DOMAIN + REPORTED and fold(row) == left]
    return [OutOfDomain(row.corpus, row.path, row.labels) for row in files] + silences(left)


def silences(seed: int) -> list[OutOfDomain]:
    """Synthetic silence of 0.5 to 20 s: digital zero, 16-bit dither, or noise of -80 to -60 dBFS."""
    rng = np.random.default_rng([seed, 1])
    sounds = []
    for index in range(SILENCES_PER_FOLD):
        length = int(rng.uniform(0.5, 20.0) * RATE)
        noise = rng.standard_normal(length) * 10 ** (rng.uniform(-80, -60) / 20)
        dither = np.round(rng.uniform(-1, 1, length)) / 32768
        samples = (np.zeros(length), dither, noise)[index % 3].astype(np.float32)
        sounds.append(OutOfDomain(SILENCE, Clip(samples, RATE)))
    return sounds


def esc50_hits(folder: Path, rows: Sequence[Row], bank: FeatureBank, left: int) -> tuple[np.ndarray, np.ndarray]:
    """Hits of top-1 classification of the fold's ESC-50 clips among the 50 classes, bool (N,), and their source recordings, (N,)."""
    listener = load(folder)
    columns = [listener.labels.index(label) for label in esc50_labels(rows)]
    clips = [i for i, row in enumerate(rows) if row.corpus == "esc50" and fold(row) == left]
    best = [int(listener.runtime.run(bank.plain(i)[None])[CLIP_LOGITS][0][columns].argmax()) for i in clips]
    return np.array([rows[i].target for i in clips]) == np.array(best), np.array([rows[i].source for i in clips])


def labelled_outputs(folder: Path, rows: Sequence[Row], bank: FeatureBank, left: int) -> LabelledOutputs:
    """Outputs of the fold's model on the fold's own sounds, none of which it was trained on."""
    listener = load(folder)
    labels = listener.labels
    truth = np.array([[label in row.labels for label in labels] for row in rows])
    in_esc50 = np.isin(labels, esc50_labels(rows))
    clips = [i for i, row in enumerate(rows) if row.corpus == "esc50" and fold(row) == left]
    out_of_domain = [i for i, row in enumerate(rows) if row.corpus in OUT_OF_DOMAIN and fold(row) == left]
    clip_outputs = [listener.runtime.run(bank.plain(i)[None]) for i in clips]
    vectors = np.stack([outputs[EMBEDDING][0] for outputs in clip_outputs])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scenes = scenes_of_fold(rows, left)
    scene_outputs = [list(listener.outputs(Clip(scene.samples, scene.rate))) for scene in scenes]
    frames = [stitch_frames(outputs, listener.config) for outputs in scene_outputs]
    rate = listener.config.frame_rate
    return LabelledOutputs(
        clip=np.stack([_max_evidence([outputs]) for outputs in clip_outputs]),
        clip_truth=truth[clips],
        cosines=vectors @ listener.embed_text(list(labels)).T,
        scene=np.stack([_max_evidence(outputs) for outputs in scene_outputs]),
        scene_truth=np.array([[label in scene.labels for label in labels] for scene in scenes]),
        frames=np.stack(frames),
        frame_truth=np.stack([detection.encode(scene.events, labels, frame_rate=rate, frames=len(frames[0])) for scene in scenes]),
        out_of_domain=np.stack([_max_evidence(listener.outputs(rows[i].path)) for i in out_of_domain]),
        absent=in_esc50 & ~truth[out_of_domain],
    )


def _max_evidence(windows: Iterable[Outputs]) -> np.ndarray:
    return np.asarray(np.max([tagging.combine_logits(window[CLIP_LOGITS][0], window[FRAME_LOGITS][0]) for window in windows], axis=0))


def stitch_frames(windows: Sequence[Outputs], config: ModelConfig) -> np.ndarray:
    """Frame logits (T, K) of a whole recording, from the central part of each window, as in listen.timeline.Timeline."""
    edge, step = int(config.window.context * config.frame_rate), round(config.window.hop * config.frame_rate)
    parts = []
    for index, window in enumerate(windows):
        first = edge if index else 0
        parts.append(window[FRAME_LOGITS][0][first : None if index + 1 == len(windows) else step + edge])
    return np.concatenate(parts)
