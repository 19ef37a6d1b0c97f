"""A model folder from a distilled training: its vocabulary, words, calibration and thresholds, by the fold that was left out.

    python -m recipes.tiny.assembled --data DIR --teacher mn04_as_mAP_432.pt --training runs/distilled/fold1
    python -m recipes.tiny.assembled --data DIR --teacher mn04_as_mAP_432.pt --training runs/distilled/ship --judges runs/distilled/fold?

Judged on clips of the fold that a training left out, alone and in mixtures of them, and on silence, tones and noise that are made; a model
of all clips is judged by the outputs of other trainings, the judges. A label is in the vocabulary where it has clips from at least five
sources and an average precision of at least 0.2, over all clips alone and made sounds. It is shown to be heard where the lower end of the
95 % interval of this precision, over sources, is at least 0.4, or that of a label from which it follows; any other label is only present
from a score of 0.8, so that it is right in about four of five cases. What a clip contains is known from its names, else from the teacher:
labels that it scores in between are left open. Calibration and thresholds are fitted to the same sounds. The text tower is that of --words.
Writes TRAINING/model, TRAINING/labels.json and TRAINING/calibration.json, the calibration error of recordings, mixtures and made sounds,
each. Hardware: one core, some minutes.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from auricle.bench.lineage import write_calibrated, write_lineage
from auricle.bench.sounds import fingerprint_items
from auricle.core.config import CLIP_LOGITS, EMBEDDING, FRAME_LOGITS, SIMILARITY, CosineCalibration, ModelConfig, Output
from auricle.core.files import atomic_file, write_text
from auricle.core.records import Clip
from auricle.data.compose.feature_bank import FLOOR_DB
from auricle.data.compose.mixtures import MixtureConfig
from auricle.data.corpora.clip_table import fold
from auricle.data.corpora.synthetic import CORPUS as SYNTHETIC
from auricle.data.manifest import items_from_rows
from auricle.listen.scores import implying_labels, raise_scores
from auricle.metrics.bootstrap import interval_of
from auricle.metrics.calibration import expected_error
from auricle.metrics.curves import average_precision
from auricle.models.export import export_half
from auricle.models.folder import TEXT, save
from auricle.models.folder import load as load_model_folder
from auricle.models.model import Model
from auricle.recipes.distilling.batches import FRAMES, NAMED, TEACHER, MixtureBatches
from auricle.recipes.distilling.teacher import Teacher
from auricle.runtime.catalog import find_folder
from auricle.runtime.tokens import TextTower
from auricle.signal.resample import resample
from auricle.tasks.tagging import combine_logits
from auricle.train.calibrate import fit_platt, fit_thresholds
from recipes.tiny.distilled import NAME, Corpus, Run, left_fold, model_config, open_corpus
from recipes.tiny.event_decoding import ScoredMixtures, fit_decoding
from recipes.tiny.families import Meanings, made_sounds, read_kinds
from recipes.tiny.heads import fit_joint, fit_similarity
from recipes.tiny.label_map import LabelMap
from recipes.tiny.training import WINDOW

#: Teacher's scores from which a label that no name says counts as present, and below which it counts as absent; between them it is open.
PRESENT, ABSENT = 0.5, 0.1
SURE = 0.999  # score of a frame in which a sound with the label by name is active
MADE = ("silence", "tones", "noise")
#: First seed of the made sounds that decide on labels and thresholds; recipes.tiny.families tests on those of seed 0.
MADE_SEED = 1000
CLIP, MIXTURE, SOUND = 0, 1, 2  # kinds of what is judged
KINDS = {"recordings": CLIP, "mixtures": MIXTURE, "made": SOUND}
LONGEST = 10.0  # seconds of a clip that the joint space and the similarity embedding are fitted to
COMPONENTS = 192  # of the similarity embedding
_DRAWS = 200
_FRAME_STEP = 4  # of the frames that calibrate


@dataclasses.dataclass(frozen=True)
class Demand:
    """What a label needs to be in the vocabulary: sources of clips that have it, and an average precision.

    shown: lower bound of the average precision from which it counts as shown to be heard. sure: least threshold of the others.
    """

    sources: int = 5
    precision: float = 0.2
    shown: float = 0.4
    sure: float = 0.8


DEMAND = Demand()


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Outputs for N sounds with what they contain: logits, truth, known (N, K); known is False where it is open. source: of each sound.

    kind: CLIP, MIXTURE or SOUND, one that is made. cosines: (N, K), of vectors and label texts. frames, frame_truth: float16 (M, T, K), of
    the M mixtures in their order: logits, and scores by name and by the teacher.
    """

    logits: np.ndarray
    truth: np.ndarray
    known: np.ndarray
    source: np.ndarray
    kind: np.ndarray
    cosines: np.ndarray
    frames: np.ndarray
    frame_truth: np.ndarray

    def columns(self, kept: np.ndarray) -> Judged:
        """The same for these labels alone."""
        taken = {name: getattr(self, name)[:, kept] for name in ("logits", "truth", "known", "cosines")}
        taken |= {name: getattr(self, name)[:, :, kept] for name in ("frames", "frame_truth")}
        return dataclasses.replace(self, **taken)


def truth_of(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """What each clip contains, bool (clips, K), and whether that is known, bool (clips, K).

    Present: by name, or by the teacher. Absent: neither, and the teacher finds it implausible. A finer name of the corpora is open for
    clips that have, or may have, what AudioSet calls it.
    """
    of_teacher = corpus.sounds.teacher
    assert of_teacher is not None
    named = corpus.sounds.named
    highest = np.asarray(of_teacher.short.clips, np.float32)
    truth, known = named.copy(), np.ones_like(named)
    truth[:, of_teacher.columns] |= highest >= PRESENT
    known[:, of_teacher.columns] = truth[:, of_teacher.columns] | (highest < ABSENT)
    column = {name: index for index, name in enumerate(corpus.vocabulary)}
    meanings = {one.finer: one.audioset for section in corpus.map.labels.values() for one in section.values() if one.finer}
    for name, names in meanings.items():
        if (own := column.get(name)) is None or name in corpus.map.plain.values():
            continue
        for wide in (column[corpus.map.plain[each]] for each in names):
            known[:, own] &= named[:, own] | (known[:, wide] & ~truth[:, wide])
    return truth, known


@torch.no_grad()
def judge(model: Model, corpus: Corpus, clips: Sequence[int], text: np.ndarray, run: Run, *, mixtures: int, seed: int) -> Judged:
    """Run a model on these clips alone, on mixtures of them, and on made sounds."""
    truth, known = truth_of(corpus)
    width = round(run.seconds * corpus.sounds.frontend.frame_rate)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str, int]] = []

    def add(features: np.ndarray, present: np.ndarray, sure: np.ndarray, source: str, kind: int) -> Tensor:
        outputs: dict[str, Tensor] = model(torch.from_numpy(features)[None])
        vector = nn.functional.normalize(outputs[EMBEDDING], dim=1)[0].numpy()
        combined = combine_logits(outputs[CLIP_LOGITS][0].numpy(), outputs[FRAME_LOGITS][0].numpy())
        rows.append((combined, present, sure, text @ vector, source, kind))
        return outputs[FRAME_LOGITS][0]

    for clip in clips:
        row = corpus.rows[clip]
        add(_padded(corpus, clip, WINDOW.shortest)[:width], truth[clip], known[clip], f"{row.corpus}/{row.source}", CLIP)
    batches = MixtureBatches(
        corpus.sounds,
        MixtureConfig(counts=(0.0, 0.5, 0.3, 0.2), cut_share=0.0),
        clips=list(clips),
        batch=32,
        steps=-(-mixtures // 32),
        lengths=[(1.0, run.seconds)],
        frames=lambda frames: -(-frames // 4),
        seed=seed,
    )
    frames, frame_truth = [], []
    for step in range(-(-mixtures // 32)):
        batch = batches.batch(step)
        absent = _implausible(corpus, batch.targets[TEACHER])
        for index in range(len(batch.features)):
            present = batch.targets[NAMED][index].numpy() > 0
            by_frame = add(batch.features[index].numpy(), present, present | absent[index], f"mixture {step} {index}", MIXTURE)
            frames.append(by_frame.half().numpy())
            frame_truth.append(batch.targets[FRAMES][index].half().numpy())
    silent = np.zeros(len(corpus.vocabulary), bool)
    for kind, wrong in _wrong_labels(corpus).items():
        for index, sound in enumerate(made_sounds(kind, seed=MADE_SEED + seed)):
            add(_features(sound, corpus), silent, wrong, f"{kind} {index}", SOUND)
    logits, present, sure, cosines = (np.stack(part) for part in zip(*(row[:4] for row in rows), strict=True))
    return Judged(
        logits=logits,
        truth=present,
        known=sure,
        source=np.array([row[4] for row in rows]),
        kind=np.array([row[5] for row in rows]),
        cosines=cosines,
        frames=np.stack(frames),
        frame_truth=np.stack(frame_truth),
    )


def _implausible(corpus: Corpus, features: Tensor) -> np.ndarray:
    """Labels (B, K) that are known to be absent from mixtures where no name says them: the teacher finds them implausible."""
    assert corpus.teacher is not None and corpus.sounds.teacher is not None
    scores, _ = corpus.teacher(features)
    absent = np.zeros((len(features), len(corpus.vocabulary)), bool)
    absent[:, corpus.sounds.teacher.columns] = scores.numpy() < ABSENT
    return absent


def _wrong_labels(corpus: Corpus) -> dict[str, np.ndarray]:
    """For each kind of made sounds the labels (K,) that are known to be absent: all but those that families.json calls right or neutral."""
    meanings = Meanings(corpus.map)
    return {
        kind.name: np.array([not meanings.of(name) & (kind.right | kind.neutral) for name in corpus.vocabulary])
        for kind in read_kinds()
        if kind.name in MADE
    }


def _features(sound: Clip, corpus: Corpus) -> np.ndarray:
    frontend = corpus.sounds.frontend
    return frontend.from_power(frontend.power(resample(sound.samples, sound.rate, frontend.rate)[0]))


def audible(judged: Judged, demand: Demand, *, seed: int) -> tuple[np.ndarray, list[dict[str, float]]]:
    """Which labels fulfil a demand, bool (K,), and for each its sources, average precision and lower bound."""
    kept, table = [], []
    for column in range(judged.logits.shape[1]):
        known = judged.known[:, column] & (judged.kind != MIXTURE)
        truth, scores = judged.truth[known, column], judged.logits[known, column].astype(np.float64)
        sources = len(set(judged.source[known][truth & (judged.kind[known] == CLIP)].tolist()))
        value = low = 0.0
        if sources >= demand.sources:
            value = average_precision(truth, scores)
            groups = np.unique(judged.source[known], return_inverse=True)[1]

            def precision(items: np.ndarray, truth: np.ndarray = truth, scores: np.ndarray = scores) -> float:
                return average_precision(truth[items], scores[items])

            low, _ = interval_of(precision, len(truth), groups=groups, seed=seed, draws=_DRAWS)
        kept.append(sources >= demand.sources and value >= demand.precision)
        table.append({"sources": sources, "average_precision": round(value, 3), "low": round(low, 3)})
    return np.array(kept), table


def select_labels(model: Model, vocabulary: Sequence[str], kept: np.ndarray, run: Run) -> Model:
    """The model with the heads of these labels alone."""
    smaller = Model(model_config([name for name, one in zip(vocabulary, kept, strict=True) if one], run)).eval()
    index = torch.from_numpy(np.flatnonzero(kept))
    state = {
        key: value[index] if key.startswith((f"heads.{CLIP_LOGITS}.", f"heads.{FRAME_LOGITS}.")) else value
        for key, value in model.state_dict().items()
    }
    smaller.load_state_dict(state)
    return smaller


def with_similarity(model: Model, pooled: Tensor) -> Model:
    """The model with a similarity embedding of COMPONENTS whitened components, fitted to pooled vectors (N, C), and its labels."""
    config = model.config
    similarity = Output(kind="vectors", head="components and labels", dim=min(COMPONENTS, pooled.shape[1]) + len(config.labels))
    changed = Model(ModelConfig(**{**dict(config), "outputs": {**config.outputs, SIMILARITY: similarity}})).eval()
    state = changed.state_dict()
    changed.load_state_dict({**state, **model.state_dict()})
    head = changed.heads[SIMILARITY]
    assert isinstance(head, nn.Linear)
    fit_similarity(head, pooled)
    return changed


def implied_labels(vocabulary: Sequence[str], names: LabelMap) -> dict[str, tuple[str, ...]]:
    """Label -> labels of the vocabulary that follow from it: by AudioSet's tree, and of finer names those that labels.json says."""
    audioset = {plain: (name,) for name, plain in names.plain.items()}
    finer = {one.finer: one.audioset for section in names.labels.values() for one in section.values() if one.finer}
    implied: dict[str, tuple[str, ...]] = {}
    for label in vocabulary:
        own = audioset.get(label, finer.get(label, ()))
        above = [names.plain[name] for one in own for name in (one, *names.ancestors(one))]
        if found := tuple(dict.fromkeys(name for name in above if name in vocabulary and name != label)):
            implied[label] = found
    return implied


def with_implied(model: Model, names: LabelMap) -> Model:
    """The model whose labels imply others by `implied_labels`."""
    implied, config = implied_labels(model.config.labels, names), model.config
    outputs = {
        name: Output(**{**dict(output), "implies": implied}) if output.kind.endswith("_scores") else output
        for name, output in config.outputs.items()
    }
    model.config = ModelConfig(**{**dict(config), "outputs": outputs})
    return model


def calibrated(model: Model, judged: Judged, least: np.ndarray) -> Model:
    """The model with calibrations and thresholds that fit the judged sounds.

    least: (K,), thresholds of recordings are not lower. The threshold of a label is at least those of the labels that it implies, so that
    they are present where it is. Those of frames, and how frames become events, are chosen by events.
    """
    clip = fit_platt(judged.logits, judged.truth, mask=judged.known)
    by_frame, frame_truth = (
        part[:, ::_FRAME_STEP].reshape(-1, part.shape[2]).astype(np.float32) for part in (judged.frames, judged.frame_truth)
    )
    frame = fit_platt(by_frame, frame_truth)
    text = fit_platt(judged.cosines[judged.known][:, None], judged.truth[judged.known][:, None], prior=0.0)
    implying = implying_labels(model.config.outputs[CLIP_LOGITS])
    clip_scores = raise_scores(clip.scores(judged.logits), implying)
    clip_thresholds = _raised(np.maximum(fit_thresholds(clip_scores, judged.truth, mask=judged.known), least), implying)
    mixed = judged.kind == MIXTURE
    scored = ScoredMixtures(
        scores=raise_scores(frame.scores(judged.frames.astype(np.float32)), implying).astype(np.float16),
        present=clip_scores[mixed] >= clip_thresholds,
        known=judged.known[mixed],
        active=judged.frame_truth >= SURE,
        rate=model.config.frame_rate,
    )
    decoding, frame_thresholds, f1 = fit_decoding(scored)
    print(f"event F1 of mixtures {f1:.3f}, decoded by {decoding!r}", flush=True)
    thresholds = {CLIP_LOGITS: clip_thresholds, FRAME_LOGITS: _raised(frame_thresholds, implying)}
    cosine = CosineCalibration(scale=round(float(text.scale[0]), 4), bias=round(float(text.bias[0]), 4))
    calibrations = {CLIP_LOGITS: clip.to_config(), FRAME_LOGITS: frame.to_config()}
    listed = {name: fitted.tolist() for name, fitted in thresholds.items()}
    config = model.config.with_calibrations(calibrations, listed, cosine)
    by_event = Output(**{**dict(config.outputs[FRAME_LOGITS]), "decoding": decoding})
    model.config = ModelConfig(**{**dict(config), "outputs": {**config.outputs, FRAME_LOGITS: by_event}})
    return model


def _raised(thresholds: np.ndarray, implying: Mapping[int, Sequence[int]]) -> np.ndarray:
    """Thresholds (K,) of which those of implied labels are at most those of the labels that imply them."""
    raised = thresholds.copy()
    for index, others in implying.items():
        raised[others] = np.maximum(raised[others], thresholds[index])
    return raised


def calibration_errors(judged: Judged, implying: Mapping[int, Sequence[int]], *, seed: int, parts: int = 5) -> dict[str, dict[str, float]]:
    """Expected calibration error of each kind of sound, in bins of equal count and of equal width, and the number of decisions.

    Cross-validated: the calibration of each part of the sources is fitted to the others. implying: auricle.listen.scores.implying_labels.
    """
    sources, number = np.unique(judged.source, return_inverse=True)
    part = np.random.default_rng(seed).permutation(len(sources))[number] % parts
    scores = np.zeros_like(judged.logits, np.float64)
    for one in range(parts):
        others = part != one
        fitted = fit_platt(judged.logits[others], judged.truth[others], mask=judged.known[others])
        scores[~others] = raise_scores(fitted.scores(judged.logits[~others]), implying)
    found = {}
    for name, kind in KINDS.items():
        rows = judged.kind == kind
        probabilities, truth = scores[rows][judged.known[rows]], judged.truth[rows][judged.known[rows]]
        if len(truth):
            adaptive, equal = (expected_error(probabilities, truth, adaptive=way) for way in (True, False))
            found[name] = {"adaptive": round(adaptive, 5), "equal_width": round(equal, 5), "n": len(truth)}
    return found


def fit_words(model: Model, corpus: Corpus, clips: Sequence[int], pooled: Tensor, text: np.ndarray) -> None:
    """Fit the projection on pooled vectors (N, C) of clips: to the texts of their names and of what a teacher hears, as it scores it."""
    assert isinstance(model.projection, nn.Linear)
    specific = corpus.sounds.named if corpus.sounds.specific is None else corpus.sounds.specific
    share = specific[list(clips)].astype(np.float32)
    if (of_teacher := corpus.sounds.teacher) is not None:
        soft = np.asarray(of_teacher.short.clips[list(clips)], np.float32)
        share[:, of_teacher.columns] = np.maximum(share[:, of_teacher.columns], 0.5 * np.where(soft >= ABSENT, soft, 0.0))
    used = np.flatnonzero(share.sum(axis=1) > 0)
    weights = torch.from_numpy(share[used] / share[used].sum(axis=1, keepdims=True))
    columns = torch.from_numpy(np.flatnonzero(share[used].sum(axis=0) > 0))
    fit_joint(model.projection, pooled[torch.from_numpy(used)], weights[:, columns], torch.from_numpy(text)[columns])


@torch.no_grad()
def encode_clips(model: Model, corpus: Corpus, clips: Sequence[int], training: Path) -> Tensor:
    """Pooled vectors (N, C) of the beginnings of clips, kept in training/pooled.npz as long as its weights stay."""
    state = (training / "student.pt").read_bytes() + json.dumps([str(corpus.rows[clip].path) for clip in clips]).encode()
    key, kept = hashlib.sha256(state).hexdigest(), training / "pooled.npz"
    if kept.exists():
        with np.load(kept) as stored:
            if str(stored["key"]) == key:
                return torch.from_numpy(stored["pooled"])
    longest = round(LONGEST * corpus.sounds.frontend.frame_rate)
    inputs = (torch.from_numpy(_padded(corpus, clip, WINDOW.seconds)[:longest])[None] for clip in clips)
    pooled = torch.cat([model.encode(features).pooled for features in inputs])
    with atomic_file(kept) as partial, partial.open("wb") as file:
        np.savez(file, key=np.array(key), pooled=pooled.numpy())
    return pooled


def _padded(corpus: Corpus, clip: int, seconds: float) -> np.ndarray:
    """Features of a clip, at least so long, silent after its end."""
    features, least = corpus.sounds.student.plain(clip), round(seconds * corpus.sounds.frontend.frame_rate)
    return np.pad(features, ((0, max(0, least - len(features))), (0, 0)), constant_values=FLOOR_DB)


def join(parts: Sequence[Judged]) -> Judged:
    """The outputs of several models for sounds that each of them was not trained on. Made sounds and mixtures differ."""
    if len(parts) == 1:
        return parts[0]
    fields = {each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in dataclasses.fields(Judged)}
    return Judged(**fields)


def open_training(training: Path, corpus: Corpus, run: Run) -> Model:
    """The model of a finished training."""
    stored = torch.load(training / "student.pt", weights_only=True)
    if list(stored["vocabulary"]) != list(corpus.vocabulary):
        raise SystemExit(f"{training / 'student.pt'} has another vocabulary than the data; train again")
    model = Model(model_config(corpus.vocabulary, run)).eval()
    model.load_state_dict({key.removeprefix("model."): value for key, value in stored["model"].items() if key.startswith("model.")})
    return model


def left_out_clips(corpus: Corpus, leave: int) -> list[int]:
    """The licensed clips of a fold, none of which is synthetic."""
    return [clip for clip in corpus.trainable if corpus.rows[clip].corpus != SYNTHETIC and fold(corpus.rows[clip]) == leave]


def judge_training(corpus: Corpus, run: Run, training: Path, leave: int, text: np.ndarray, *, mixtures: int) -> Judged:
    """Outputs of a training for the fold that it left out, kept in training/judged.npz as long as its weights and these settings stay."""
    state = [
        json.dumps([leave, mixtures, run.seed, list(corpus.vocabulary)]).encode(),
        text.tobytes(),
        (training / "student.pt").read_bytes(),
    ]
    key, kept = hashlib.sha256(b"".join(state)).hexdigest(), training / "judged.npz"
    if kept.exists():
        with np.load(kept) as stored:
            if str(stored["key"]) == key:
                return Judged(**{each.name: stored[each.name] for each in dataclasses.fields(Judged)})
    model, left_out = open_training(training, corpus, run), left_out_clips(corpus, leave)
    others = sorted(set(corpus.trainable) - set(left_out))
    fit_words(model, corpus, others, encode_clips(model, corpus, others, training), text)
    judged = judge(model, corpus, left_out, text, run, mixtures=mixtures, seed=run.seed + leave - 1)
    with atomic_file(kept) as partial, partial.open("wb") as file:
        np.savez(file, key=np.array(key), **{each.name: getattr(judged, each.name) for each in dataclasses.fields(Judged)})
    return judged


def assemble(
    corpus: Corpus, run: Run, training: Path, words: Path, *, judges: Mapping[Path, int], demand: Demand = DEMAND, mixtures: int
) -> Path:
    """Write training/model, from training/student.pt; labels.json, what is recognised; calibration.json. Returns the folder.

    judges: trainings, with the fold that each left out, whose outputs decide on labels and calibrate.
    """
    text = TextTower(words, run.dim).embed(list(corpus.vocabulary))
    parts = [judge_training(corpus, run, each, leave, text, mixtures=mixtures) for each, leave in judges.items()]
    clips = [clip for leave in judges.values() for clip in left_out_clips(corpus, leave)]
    judged = join(parts)
    kept, table = audible(judged, demand, seed=run.seed)
    shown = np.array([row["low"] >= demand.shown for row in table])
    print(f"{int(kept.sum())} of {len(kept)} labels are in the vocabulary, {int(shown.sum())} of them shown to be heard", flush=True)
    report = {name: {"kept": bool(one), **row} for name, one, row in zip(corpus.vocabulary, kept, table, strict=True)}
    write_text(training / "labels.json", json.dumps(report, indent=1) + "\n")
    model = open_training(training, corpus, run)
    pooled = encode_clips(model, corpus, corpus.training, training)
    fit_words(model, corpus, corpus.training, pooled, text)
    smaller = with_implied(with_similarity(select_labels(model, corpus.vocabulary, kept, run), pooled), corpus.map)
    judged, implying = judged.columns(np.flatnonzero(kept)), implying_labels(smaller.config.outputs[CLIP_LOGITS])
    smaller = calibrated(smaller, judged, np.where(raise_scores(shown[kept], implying), 0.0, demand.sure))
    errors = calibration_errors(judged, implying, seed=run.seed)
    write_text(training / "calibration.json", json.dumps(errors, indent=1) + "\n")
    print("expected calibration error:", ", ".join(f"{name} {one['adaptive']:.4f}" for name, one in errors.items()), flush=True)
    folder = training / "model"
    shutil.rmtree(folder, ignore_errors=True)
    tensors = {key: value for key, value in load_file(words / "model.safetensors").items() if key.startswith(TEXT)}
    rows = [corpus.rows[index] for index in corpus.training]
    items = items_from_rows([row for row in rows if row.corpus != SYNTHETIC])  # synthetic clips are nobody's recordings, and in no test
    card = {"summary": f"{NAME}, distilled", "trained": True, "corpora": sorted({row.corpus for row in rows})}
    save(folder, smaller, tensors, card=card, tokenizer=words / "tokenizer.json", half=True)
    compact = json.dumps(json.loads((words / "tokenizer.json").read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":"))
    write_text(folder / "tokenizer.json", compact)
    export_half(load_model_folder(folder), folder)
    write_lineage(folder, items, fingerprints=fingerprint_items(items))
    write_calibrated(folder, items_from_rows([corpus.rows[index] for index in sorted(clips)]))
    return folder


def main() -> None:
    """Assemble the model of one training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", required=True, help="a model with AudioSet's labels, by name or path")
    parser.add_argument("--training", type=Path, required=True, help="folder of recipes.tiny.distilled")
    parser.add_argument("--judges", type=Path, nargs="+", help="trainings that left out a fold each; by default the training itself")
    parser.add_argument("--words", default="auricle-tiny", help="model whose text tower is used, by name or path")
    parser.add_argument("--made", type=Path, help="folder of recipes.synthetic, as in the training")
    parser.add_argument("--work", type=Path, default=Path("runs/distilled/features"), help="cache of features")
    parser.add_argument("--mixtures", type=int, default=960, help="of the clips that each judge left out")
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    run, teacher = Run(), Teacher(asked.teacher)
    judges = {folder: left_fold(folder) for folder in asked.judges or [asked.training]}
    known = {folder: leave for folder, leave in judges.items() if leave is not None}
    if len(known) < len(judges):
        raise SystemExit(f"{next(iter(set(judges) - set(known)))} left out no fold; wanted --judges, trainings that did")
    corpus = open_corpus(asked.data, asked.work, run, teacher, leave=left_fold(asked.training), made=asked.made)
    print(assemble(corpus, run, asked.training, find_folder(asked.words), judges=known, mixtures=asked.mixtures))


if __name__ == "__main__":
    main()
