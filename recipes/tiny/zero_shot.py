"""Sounds by name alone, and what the words do: prompts, descriptions, attributes, the rule for windows, and the temperature.

    python -m recipes.tiny.zero_shot --data DIR --models runs/tiny

Needs the models of `recipes.tiny --study unseen` (five, each without ten ESC-50 classes) and `--study folds` (four, each without a fold):
no sound of a class that is asked for was heard in training (figures without `heard`), or no clip of the fold (`heard`). Nothing is
trained here. A temperature is always fitted to the other fifths than the one that it is measured on. Intervals draw whole recordings.
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
from recipes.tiny import left_out, unseen

ABOUT = (
    "Ten ESC-50 classes that the model never heard, told apart by words alone; chance 0.10. over_bare_: what a wording gains over the "
    "label alone, on the same clips. The attributes were written from general knowledge with the classes' names in view, and the text "
    "tower learned from such a lexicon. ece_, nll_: of the shares among the ten (one) and of each label by itself (any), with the line "
    "of the shipped model, which is for labels it heard, and with one fitted to the other fifths. heard_: all 50 classes by name, heard "
    "in training but not these clips. rule_, heard_rule_: 20 s recordings, the clip somewhere over ambience; steady_: four clips of a "
    "class one after another."
)
SECONDS = 20.0  # a composed recording
RULES: tuple[Rule, ...] = ("mean", "max", "top3")
EVERY = 4  # of so many clips, one is put into a recording


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Clips of one left-out set. vectors: unit (N, D). truth: places among classes (N,). rows: of the table."""

    listener: Listener
    classes: list[str]
    rows: list[Row]
    vectors: np.ndarray
    truth: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """bool (N, K), True at each clip's class."""
        return np.asarray(np.arange(len(self.classes)) == self.truth[:, None])


def own_line(listener: Listener) -> CosineCalibration:
    """A listening model's calibration of words."""
    text = listener.config.text
    assert text is not None and text.calibration is not None, "a model that is not calibrated"
    return text.calibration


def part(listener: Listener, rows: Sequence[Row], classes: Sequence[str]) -> Part:
    """Hear the ESC-50 clips of these classes."""
    chosen = [row for row in rows if row.corpus == "esc50" and row.labels[0] in classes]
    vectors = listener.embed_audio([row.path for row in chosen])
    return Part(listener, list(classes), chosen, vectors, np.array([list(classes).index(row.labels[0]) for row in chosen]))


def wordings(classes: Sequence[str]) -> dict[str, PromptSet]:
    """What is tried, the label alone first."""
    found = {
        name.replace("-", "_"): PromptSet(prompts.load_protocol(name)) for name in ("bare", "msclap", "laion", "wavcaps-esc50", "ensemble")
    }
    bare, names = prompts.load_protocol("bare"), prompts.load_protocol("esc50")
    told, sounds = descriptions.generate(classes, count=20), attributes.shipped("esc50")
    return found | {
        "ensemble_of_scores": PromptSet(prompts.load_protocol("ensemble"), mix=Mix(combine="scores")),
        "what_is_heard": PromptSet(names),
        "bank": PromptSet(bare, told, mix=Mix(prompt=0)),
        "bare_and_bank": PromptSet(bare, told),
        "attributes": PromptSet(bare, attributes=sounds, mix=Mix(prompt=0)),
        "attributes_of_scores": PromptSet(bare, attributes=sounds, mix=Mix(prompt=0, combine="scores")),
        "bare_and_attributes": PromptSet(bare, attributes=sounds),
        "what_is_heard_and_attributes": PromptSet(names, attributes=sounds),
    }


def cosines(parts: Sequence[Part], said: PromptSet) -> list[np.ndarray]:
    """Cosines (N, K) of each part's clips with its classes."""
    return [np.asarray(one.vectors @ said.rows(one.classes, one.listener.embed_text).T) for one in parts]


def share(name: str, values: np.ndarray, groups: np.ndarray, seed: int) -> Figure:
    """The mean of values (N,) with its interval; whole groups (N,) are drawn."""
    places = np.unique(groups, return_inverse=True)[1]
    sums, counts = np.bincount(places, weights=values), np.bincount(places)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(2000, len(sums)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return {"name": name, "value": float(values.mean()), "low": float(low), "high": float(high), "n": len(values)}


def sources(parts: Sequence[Part]) -> np.ndarray:
    """The recording of each clip of all parts."""
    return np.array([row.source for one in parts for row in one.rows])


def wording_figures(parts: Sequence[Part], seed: int) -> list[Figure]:
    """Accuracy of each wording, and what it gains over the label alone."""
    groups, figures, bare = sources(parts), [], None
    for name, said in wordings([label for one in parts for label in one.classes]).items():
        right = np.concatenate([found.argmax(axis=1) == one.truth for found, one in zip(cosines(parts, said), parts, strict=True)])
        figures.append(share(f"top1_{name}", right.astype(float), groups, seed))
        bare = right if bare is None else bare
        if name != "bare":
            figures.append(share(f"over_bare_{name}", right.astype(float) - bare, groups, seed))
        print(f"{name}: {right.mean():.3f}", flush=True)
    return figures


def scale_figures(parts: Sequence[Part], shipped: Listener, seed: int) -> list[Figure]:
    """Calibration with the shipped line and with one fitted to the other fifths, for both questions."""
    figures: list[Figure] = []
    line = own_line(shipped)
    found = cosines(parts, PromptSet(prompts.load_protocol("bare")))
    for question in ("one", "any"):
        truths = [one.truth if question == "one" else one.right for one in parts]
        own = [Scale(question=question, scale=line.scale, bias=line.bias)] * len(parts)
        fitted = []
        for left in range(len(parts)):
            others = [place for place in range(len(parts)) if place != left]
            fitted.append(
                calibrate(np.concatenate([found[i] for i in others]), np.concatenate([truths[i] for i in others]), question=question)
            )
        for when, scales in (("before", own), ("after", fitted)):
            figures += _calibration(f"{question}_{when}", found, truths, scales, sources(parts), seed)
        for what in ("scale", "bias")[: 1 if question == "one" else 2]:
            values = [getattr(scale, what) for scale in fitted]
            figures.append(
                {"name": f"{question}_{what}", "value": float(np.mean(values)), "low": min(values), "high": max(values), "n": len(parts)}
            )
    return figures


def _calibration(
    name: str, found: Sequence[np.ndarray], truths: Sequence[np.ndarray], scales: Sequence[Scale], groups: np.ndarray, seed: int
) -> list[Figure]:
    """ECE with its interval, and nats a decision, of all parts together."""
    stated, right, nll = [], [], []
    for each, truth, scale in zip(found, truths, scales, strict=True):
        told = scale.probabilities(each).astype(np.float64)
        one = scale.question == "one"
        stated.append(told.max(axis=1, keepdims=True) if one else told)
        right.append((told.argmax(axis=1) == truth)[:, None] if one else truth)
        nll.append(measure(each, truth, scale)["nll"])
    told, true = np.concatenate(stated), np.concatenate(right)

    def ece(items: np.ndarray) -> float:
        return calibration.expected_error(told[items].ravel(), true[items].ravel())

    places = np.unique(groups, return_inverse=True)[1]
    low, high = bootstrap.interval_of(ece, len(told), groups=places, seed=seed, draws=500)
    every = ece(np.arange(len(told)))
    return [
        {"name": f"ece_{name}", "value": every, "low": low, "high": high, "n": true.size},
        {"name": f"nll_{name}", "value": float(np.mean(nll)), "n": true.size, "unit": "nats"},
    ]


def background_figures(parts: Sequence[Part], shipped: Listener) -> list[Figure]:
    """Ranking of clips for each label by cosine, and by what it has over AudioSet's names."""
    said, scale = PromptSet(prompts.load_protocol("bare")), own_line(shipped).scale
    plain, against = [], []
    for one, found in zip(parts, cosines(parts, said), strict=True):
        others = said.rows(audioset.labels(), one.listener.embed_text)
        contrast = Contrast.against(others, said.rows(one.classes, one.listener.embed_text), scale)
        plain.append(tagging.mean_average_precision(one.right, found))
        against.append(tagging.mean_average_precision(one.right, contrast.evidence(one.vectors)))
    n = sum(len(one.rows) for one in parts)
    return [
        {"name": "map_cosine", "value": float(np.mean(plain)), "n": n},
        {"name": "map_background", "value": float(np.mean(against)), "n": n},
    ]


def recordings(one: Part, beds: Sequence[Row], seed: int) -> tuple[list[Clip], np.ndarray, list[str]]:
    """Every fourth clip somewhere in SECONDS of ambience, as it sounds outside; the truth (N,) and the source of each."""
    made, kept = [], []
    sounds = {row.path: scenes.load_source(row, rate=left_out.RATE) for row in beds}
    for place in range(0, len(one.rows), EVERY):
        rng = np.random.default_rng([seed, place])
        bed = sounds[beds[int(rng.integers(len(beds)))].path]
        clip = scenes.load_source(one.rows[place], rate=left_out.RATE)
        samples, events = scenes.compose_scene(rng, [clip], [bed], rate=left_out.RATE, mix=scenes.Mix(seconds=SECONDS, events=(1, 1)))
        if events:
            made.append(Clip(samples, left_out.RATE))
            kept.append(place)
    return made, one.truth[kept], [one.rows[place].source for place in kept]


def rule_figures(parts: Sequence[Part], beds: Sequence[Row], seed: int, *, name: str) -> list[Figure]:
    """Accuracy on longer recordings by each rule, and what the others gain over the mean."""
    right: dict[str, list[bool]] = {rule: [] for rule in RULES}
    groups: list[str] = []
    for one in parts:
        made, truth, origin = recordings(one, beds, seed)
        groups += origin
        for clip, true in zip(made, truth, strict=True):
            for rule, best in by_rule(one, [window.vector for window in one.listener.open(clip)]).items():
                right[rule].append(best == true)
    return _gains(name, {rule: np.array(found, float) for rule, found in right.items()}, np.array(groups), seed)


def steady_figures(parts: Sequence[Part], seed: int) -> list[Figure]:
    """The same where the sound goes on: four clips of a class, drawn by lot, one after another."""
    right: dict[str, list[bool]] = {rule: [] for rule in RULES}
    for one in parts:
        for place in range(len(one.classes)):
            drawn = np.random.default_rng([seed, place]).permutation(np.flatnonzero(one.truth == place))
            for four in drawn[: len(drawn) // 4 * 4].reshape(-1, 4):
                for rule, best in by_rule(one, list(one.vectors[four])).items():
                    right[rule].append(best == place)
    joined = {rule: np.array(found, float) for rule, found in right.items()}
    return _gains("steady", joined, np.arange(len(joined["mean"])), seed)


def by_rule(one: Part, windows: Sequence[np.ndarray | None]) -> dict[Rule, int]:
    """The best class of a recording of these windows' vectors (D,) by each rule; -1 where none of them sounds."""
    judge = Cosines(PromptSet(prompts.load_protocol("bare")).rows(one.classes, one.listener.embed_text), Scale(question="one", scale=1.0))
    best: dict[Rule, int] = {}
    for rule in RULES:
        gathering = WindowAggregator(judge, rule)
        for vector in windows:
            gathering.add(vector)
        evidence = gathering.evidence()
        best[rule] = -1 if evidence is None else int(evidence.argmax())
    return best


def _gains(name: str, right: dict[str, np.ndarray], groups: np.ndarray, seed: int) -> list[Figure]:
    figures = [share(f"{name}_{rule}", values, groups, seed) for rule, values in right.items()]
    return figures + [share(f"{name}_over_mean_{rule}", right[rule] - right["mean"], groups, seed) for rule in RULES[1:]]


def heard_figures(parts: Sequence[Part], seed: int) -> list[Figure]:
    """All 50 classes by name, by the models of the folds, each with the line fitted to other folds."""
    found = cosines(parts, PromptSet(prompts.load_protocol("bare")))
    lines = [own_line(one.listener) for one in parts]
    scales = [Scale(question="one", scale=line.scale) for line in lines]
    right = np.concatenate([each.argmax(axis=1) == one.truth for each, one in zip(found, parts, strict=True)])
    figures = _calibration("heard", found, [one.truth for one in parts], scales, sources(parts), seed)
    return [share("heard_top1", right.astype(float), sources(parts), seed), *figures]


def study(data: Path, models: Path, seed: int) -> list[Figure]:
    """All figures."""
    rows = corpora.read(data, ["esc50", "ambience"])
    sets, words = unseen.splits(rows, data / "esc50_16k" / "classes.csv")["fifths"], left_out.esc50_words(rows)
    parts = [part(load(models / f"unseen-fifths-{name}"), rows, classes) for name, classes in sets.items()]
    heard = [part(load(models / f"fold{left}"), [row for row in rows if fold(row) == left], words) for left in FOLDS]
    beds, shipped = [row for row in rows if row.corpus == "ambience"], load()
    figures = wording_figures(parts, seed) + scale_figures(parts, shipped, seed) + background_figures(parts, shipped)
    figures += heard_figures(heard, seed) + rule_figures(heard, beds, seed, name="heard_rule")
    return figures + rule_figures(parts, beds, seed, name="rule") + steady_figures(parts, seed)


def main() -> None:
    """Run the study and leave its record."""
    parser = argparse.ArgumentParser(description="Zero-shot by words: what prompts, rules and temperature do.")
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
