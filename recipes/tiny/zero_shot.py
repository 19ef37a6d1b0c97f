"""Zero-shot classification by auricle-tiny: effect of prompts, descriptions, attributes, window pooling and calibration.

    python -m recipes.tiny.zero_shot --data DIR --models runs/tiny

Needs the models of `recipes.tiny --study unseen` (five, each without ten ESC-50 classes) and `--study folds` (four, each without a fold).
Figures without `heard` are of classes without training clips; those with `heard` are of classes with training clips, on held-out clips.
Nothing is trained here. Each calibration is fitted to the other four sets of classes. Bootstrap intervals resample whole recordings.
Expected: see docs/results.md, record zero-shot. Hardware: one core, five minutes. Seed 0.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auricle.bench.results import Figure, write_record
from auricle.core import audioset
from auricle.core.config import CosineCalibration
from auricle.core.records import Clip
from auricle.data import corpora, prompts
from auricle.data.compose import scenes
from auricle.data.corpora.clip_table import FOLDS, Row, fold
from auricle.data.prompts import attributes, descriptions
from auricle.listen.aggregation import Contrast, Cosines, WindowAggregator
from auricle.listen.listener import Listener, load
from auricle.listen.prompt_set import Mix, PromptSet
from auricle.listen.scale import Rule, Scale, calibrate, measure
from auricle.metrics import bootstrap, calibration, tagging
from recipes.tiny import held_out, unseen

ABOUT = (
    "Zero-shot classification among ten ESC-50 classes without training clips; chance 0.10. over_bare_: gain of a prompt set over the "
    "label alone, on the same clips. The attributes were written from general knowledge with the class names in view, and the text tower "
    "was trained with such a lexicon. ece_, nll_: of softmax scores among the ten (one) and of independent scores (any), with the "
    "calibration of the shipped model, which is for labels it was trained on, and with one fitted to the other fifths. heard_: all 50 "
    "classes, with training clips of the classes, on held-out clips. rule_, heard_rule_: 20 s recordings, one clip over ambience; "
    "steady_: four clips of a class in sequence."
)
SECONDS = 20.0  # length of a composed recording
RULES: tuple[Rule, ...] = ("mean", "max", "top3")
EVERY = 4  # one recording is composed for every fourth clip


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Clips of one held-out set. vectors: unit embeddings (N, D). truth: class indices (N,). rows: the clips."""

    listener: Listener
    classes: list[str]
    rows: list[Row]
    vectors: np.ndarray
    truth: np.ndarray

    @property
    def one_hot(self) -> np.ndarray:
        """bool (N, K), True at each clip's class."""
        return np.asarray(np.arange(len(self.classes)) == self.truth[:, None])


def cosine_calibration(listener: Listener) -> CosineCalibration:
    """The model's own calibration of cosines."""
    text = listener.config.text
    assert text is not None and text.calibration is not None, "the model is not calibrated"
    return text.calibration


def embed_part(listener: Listener, rows: Sequence[Row], classes: Sequence[str]) -> Part:
    """Embed the ESC-50 clips of these classes."""
    clips = [row for row in rows if row.corpus == "esc50" and row.labels[0] in classes]
    vectors = listener.embed_audio([row.path for row in clips])
    return Part(listener, list(classes), clips, vectors, np.array([list(classes).index(row.labels[0]) for row in clips]))


def prompt_sets(classes: Sequence[str]) -> dict[str, PromptSet]:
    """The prompt sets that are compared, the label alone first."""
    protocols = {
        name.replace("-", "_"): PromptSet(prompts.load_protocol(name)) for name in ("bare", "msclap", "laion", "wavcaps-esc50", "ensemble")
    }
    bare, names = prompts.load_protocol("bare"), prompts.load_protocol("esc50")
    generated, sounds = descriptions.generate(classes, count=20), attributes.shipped("esc50")
    return protocols | {
        "ensemble_of_scores": PromptSet(prompts.load_protocol("ensemble"), mix=Mix(combine="scores")),
        "what_is_heard": PromptSet(names),
        "bank": PromptSet(bare, generated, mix=Mix(prompt=0)),
        "bare_and_bank": PromptSet(bare, generated),
        "attributes": PromptSet(bare, attributes=sounds, mix=Mix(prompt=0)),
        "attributes_of_scores": PromptSet(bare, attributes=sounds, mix=Mix(prompt=0, combine="scores")),
        "bare_and_attributes": PromptSet(bare, attributes=sounds),
        "what_is_heard_and_attributes": PromptSet(names, attributes=sounds),
    }


def cosines(parts: Sequence[Part], prompt_set: PromptSet) -> list[np.ndarray]:
    """Cosines (N, K) of each part's clips with its classes."""
    return [np.asarray(one.vectors @ prompt_set.weights(one.classes, one.listener.embed_text).T) for one in parts]


def mean_figure(name: str, values: np.ndarray, groups: np.ndarray, seed: int) -> Figure:
    """Mean of values (N,) with its interval; the bootstrap resamples whole groups (N,)."""
    indices = np.unique(groups, return_inverse=True)[1]
    sums, counts = np.bincount(indices, weights=values), np.bincount(indices)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(2000, len(sums)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return {"name": name, "value": float(values.mean()), "low": float(low), "high": float(high), "n": len(values)}


def sources(parts: Sequence[Part]) -> np.ndarray:
    """Source recording of each clip of all parts, (N,)."""
    return np.array([row.source for one in parts for row in one.rows])


def prompt_figures(parts: Sequence[Part], seed: int) -> list[Figure]:
    """Accuracy of each prompt set, and its gain over the label alone."""
    groups, figures, bare = sources(parts), [], None
    for name, prompt_set in prompt_sets([label for one in parts for label in one.classes]).items():
        scores = cosines(parts, prompt_set)
        right = np.concatenate([each.argmax(axis=1) == one.truth for each, one in zip(scores, parts, strict=True)])
        figures.append(mean_figure(f"top1_{name}", right.astype(float), groups, seed))
        bare = right if bare is None else bare
        if name != "bare":
            figures.append(mean_figure(f"over_bare_{name}", right.astype(float) - bare, groups, seed))
        print(f"{name}: {right.mean():.3f}", flush=True)
    return figures


def scale_figures(parts: Sequence[Part], shipped: Listener, seed: int) -> list[Figure]:
    """Calibration error with the shipped calibration and with one fitted to the other fifths, for both questions."""
    figures: list[Figure] = []
    shipped_scale = cosine_calibration(shipped)
    scores = cosines(parts, PromptSet(prompts.load_protocol("bare")))
    for question in ("one", "any"):
        truths = [one.truth if question == "one" else one.one_hot for one in parts]
        own = [Scale(question=question, scale=shipped_scale.scale, bias=shipped_scale.bias)] * len(parts)
        fitted = []
        for left in range(len(parts)):
            others = [index for index in range(len(parts)) if index != left]
            fitted.append(
                calibrate(np.concatenate([scores[i] for i in others]), np.concatenate([truths[i] for i in others]), question=question)
            )
        for when, scales in (("before", own), ("after", fitted)):
            figures += _calibration(f"{question}_{when}", scores, truths, scales, sources(parts), seed)
        for what in ("scale", "bias")[: 1 if question == "one" else 2]:
            values = [getattr(scale, what) for scale in fitted]
            figures.append(
                {"name": f"{question}_{what}", "value": float(np.mean(values)), "low": min(values), "high": max(values), "n": len(parts)}
            )
    return figures


def _calibration(
    name: str, cosines: Sequence[np.ndarray], truths: Sequence[np.ndarray], scales: Sequence[Scale], groups: np.ndarray, seed: int
) -> list[Figure]:
    """ECE with its interval, and negative log-likelihood per decision in nats, over all parts."""
    predicted, correct, nll = [], [], []
    for each, truth, scale in zip(cosines, truths, scales, strict=True):
        scores = scale.probabilities(each).astype(np.float64)
        one = scale.question == "one"
        predicted.append(scores.max(axis=1, keepdims=True) if one else scores)
        correct.append((scores.argmax(axis=1) == truth)[:, None] if one else truth)
        nll.append(measure(each, truth, scale)["nll"])
    stated, true = np.concatenate(predicted), np.concatenate(correct)

    def ece(items: np.ndarray) -> float:
        return calibration.expected_error(stated[items].ravel(), true[items].ravel())

    indices = np.unique(groups, return_inverse=True)[1]
    low, high = bootstrap.interval_of(ece, len(stated), groups=indices, seed=seed, draws=500)
    every = ece(np.arange(len(stated)))
    return [
        {"name": f"ece_{name}", "value": every, "low": low, "high": high, "n": true.size},
        {"name": f"nll_{name}", "value": float(np.mean(nll)), "n": true.size, "unit": "nats"},
    ]


def background_figures(parts: Sequence[Part], shipped: Listener) -> list[Figure]:
    """mAP of ranking clips for each label by cosine, and by contrast with AudioSet's labels."""
    prompt_set, scale = PromptSet(prompts.load_protocol("bare")), cosine_calibration(shipped).scale
    plain, against = [], []
    for one, scores in zip(parts, cosines(parts, prompt_set), strict=True):
        others = prompt_set.weights(audioset.labels(), one.listener.embed_text)
        contrast = Contrast.against(others, prompt_set.weights(one.classes, one.listener.embed_text), scale)
        plain.append(tagging.mean_average_precision(one.one_hot, scores))
        against.append(tagging.mean_average_precision(one.one_hot, contrast.evidence(one.vectors)))
    n = sum(len(one.rows) for one in parts)
    return [
        {"name": "map_cosine", "value": float(np.mean(plain)), "n": n},
        {"name": "map_background", "value": float(np.mean(against)), "n": n},
    ]


def compose_recordings(one: Part, backgrounds: Sequence[Row], seed: int) -> tuple[list[Clip], np.ndarray, list[str]]:
    """Compose every fourth clip at a random position over SECONDS of ambience; returns clips, classes (N,) and sources (N)."""
    clips, used = [], []
    sounds = {row.path: scenes.load_source(row, rate=held_out.RATE) for row in backgrounds}
    for index in range(0, len(one.rows), EVERY):
        rng = np.random.default_rng([seed, index])
        background = sounds[backgrounds[int(rng.integers(len(backgrounds)))].path]
        clip = scenes.load_source(one.rows[index], rate=held_out.RATE)
        samples, events = scenes.compose_scene(
            rng, [clip], [background], rate=held_out.RATE, mix=scenes.Mix(seconds=SECONDS, events=(1, 1))
        )
        if events:
            clips.append(Clip(samples, held_out.RATE))
            used.append(index)
    return clips, one.truth[used], [one.rows[index].source for index in used]


def rule_figures(parts: Sequence[Part], backgrounds: Sequence[Row], seed: int, *, name: str) -> list[Figure]:
    """Accuracy on longer recordings for each window-pooling rule, and the gain over the mean."""
    right: dict[str, list[bool]] = {rule: [] for rule in RULES}
    groups: list[str] = []
    for one in parts:
        clips, truth, clip_sources = compose_recordings(one, backgrounds, seed)
        groups += clip_sources
        for clip, true in zip(clips, truth, strict=True):
            for rule, best in by_rule(one, [window.vector for window in one.listener.open(clip)]).items():
                right[rule].append(best == true)
    return _gains(name, {rule: np.array(hits, float) for rule, hits in right.items()}, np.array(groups), seed)


def steady_figures(parts: Sequence[Part], seed: int) -> list[Figure]:
    """The same for continuous sounds: recordings of four random clips of one class in sequence."""
    right: dict[str, list[bool]] = {rule: [] for rule in RULES}
    for one in parts:
        for index in range(len(one.classes)):
            clips = np.random.default_rng([seed, index]).permutation(np.flatnonzero(one.truth == index))
            for four in clips[: len(clips) // 4 * 4].reshape(-1, 4):
                for rule, best in by_rule(one, list(one.vectors[four])).items():
                    right[rule].append(best == index)
    joined = {rule: np.array(hits, float) for rule, hits in right.items()}
    return _gains("steady", joined, np.arange(len(joined["mean"])), seed)


def by_rule(one: Part, windows: Sequence[np.ndarray | None]) -> dict[Rule, int]:
    """The predicted class of a recording by each rule, from the embeddings (D,) of its windows; -1 where all windows are silent."""
    weights = PromptSet(prompts.load_protocol("bare")).weights(one.classes, one.listener.embed_text)
    scorer = Cosines(weights, Scale(question="one", scale=1.0))
    best: dict[Rule, int] = {}
    for rule in RULES:
        aggregator = WindowAggregator(scorer, rule)
        for vector in windows:
            aggregator.add(vector)
        evidence = aggregator.evidence()
        best[rule] = -1 if evidence is None else int(evidence.argmax())
    return best


def _gains(name: str, right: dict[str, np.ndarray], groups: np.ndarray, seed: int) -> list[Figure]:
    figures = [mean_figure(f"{name}_{rule}", values, groups, seed) for rule, values in right.items()]
    return figures + [mean_figure(f"{name}_over_mean_{rule}", right[rule] - right["mean"], groups, seed) for rule in RULES[1:]]


def heard_figures(parts: Sequence[Part], seed: int) -> list[Figure]:
    """Zero-shot classification among all 50 classes by the fold models, each with its own calibration, fitted to other folds."""
    scores = cosines(parts, PromptSet(prompts.load_protocol("bare")))
    scales = [Scale(question="one", scale=cosine_calibration(one.listener).scale) for one in parts]
    right = np.concatenate([each.argmax(axis=1) == one.truth for each, one in zip(scores, parts, strict=True)])
    figures = _calibration("heard", scores, [one.truth for one in parts], scales, sources(parts), seed)
    return [mean_figure("heard_top1", right.astype(float), sources(parts), seed), *figures]


def study(data: Path, models: Path, seed: int) -> list[Figure]:
    """Compute all figures. data: root of the corpora; models: folder of the trained models."""
    rows = corpora.read(data, ["esc50", "ambience"])
    sets, labels = unseen.splits(rows, data / "esc50_16k" / "classes.csv")["fifths"], held_out.esc50_labels(rows)
    parts = [embed_part(load(models / f"unseen-fifths-{name}"), rows, classes) for name, classes in sets.items()]
    heard = [embed_part(load(models / f"fold{left}"), [row for row in rows if fold(row) == left], labels) for left in FOLDS]
    backgrounds, shipped = [row for row in rows if row.corpus == "ambience"], load()
    figures = prompt_figures(parts, seed) + scale_figures(parts, shipped, seed) + background_figures(parts, shipped)
    figures += heard_figures(heard, seed) + rule_figures(heard, backgrounds, seed, name="heard_rule")
    return figures + rule_figures(parts, backgrounds, seed, name="rule") + steady_figures(parts, seed)


def main() -> None:
    """Run the study and write its result record."""
    parser = argparse.ArgumentParser(description="Zero-shot classification: effect of prompts, window pooling and calibration.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("runs/tiny"))
    parser.add_argument("--record", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    figures = study(options.data, options.models, 0)
    command = "python -m recipes.tiny.zero_shot --data DIR --models runs/tiny"
    path = write_record(options.record, "zero-shot", command=command, seed=0, figures=figures, extra={"about": ABOUT})
    print(f"{path}: {len(figures)} figures")


if __name__ == "__main__":
    main()
