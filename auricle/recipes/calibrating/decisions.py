"""The decisions of every output of a model on labelled clips, built from its raw outputs, and what is left out and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from auricle.core.config import Output
from auricle.data.item import Item
from auricle.listen import textcache
from auricle.listen.background import contrast, own_prompt
from auricle.listen.listener import Listener
from auricle.listen.prompt_set import open_prompt_set
from auricle.listen.scores import label_thresholds, sigmoid, text_threshold
from auricle.recipes.calibrating.fit import LEAST_SOURCES, Decisions, Exclusive, Independent, countable
from auricle.recipes.calibrating.outputs import ClipOutputs
from auricle.recipes.calibrating.truth import Matching, event_words, frame_truth, label_words

#: Name of the decisions on the cosines of texts and clips, which calibrate TextConfig.calibration.
WORDS = "words"
_FRAME_DECISIONS = 20_000_000  # at most; frames of longer data are thinned evenly


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be calibrated. matchings: by output. words: of the text tower, None without one. skipped: reasons by output."""

    matchings: Mapping[str, Matching]
    words: Matching | None
    skipped: Mapping[str, str]

    def columns(self, config_outputs: Mapping[str, Output]) -> dict[str, Sequence[int]]:
        """The labels whose logits are needed, by output: all of exclusive ones."""
        return {
            name: range(len(config_outputs[name].labels)) if config_outputs[name].activation == "softmax" else matching.columns
            for name, matching in self.matchings.items()
        }


def plan(listener: Listener, items: Sequence[Item], names: Sequence[str]) -> Plan:
    """What of a model these items can calibrate. names: of outputs, or WORDS."""
    matchings: dict[str, Matching] = {}
    skipped: dict[str, str] = {}
    for name in names:
        spec = listener.config.outputs.get(name)
        if spec is None:
            continue
        matching = Matching.of(label_words if spec.rate is None else event_words, items, spec.labels)
        if spec.rate is not None and not any(matching.named.values()):
            skipped[name] = "the manifest has no events"
        elif spec.rate is not None and spec.activation == "softmax":
            skipped[name] = "frames with exclusive labels are not calibrated"
        elif not matching.columns:
            skipped[name] = f"no {'event' if spec.rate is not None else 'label'} of the manifest is one of its labels"
        else:
            matchings[name] = matching
    words = None
    if WORDS in names:
        named = Matching.of(label_words, items, ()).named
        texts = sorted(set().union(*named.values()))
        known = [text for text in texts if text not in listener.unread(texts)]
        words = Matching(label_words, {text: index for index, text in enumerate(known)}, named) if known else None
        skipped |= {} if known else {WORDS: "the model can read no label of the manifest"}
    return Plan(matchings, words, skipped)


@dataclasses.dataclass(frozen=True, eq=False)
class Clips:
    """N clips with sound: items, their outputs, and the source of each, int (N,)."""

    items: Sequence[Item]
    outputs: Sequence[ClipOutputs]
    source: np.ndarray


def build(listener: Listener, plan: Plan, clips: Clips) -> tuple[list[Decisions], dict[str, dict[str, str]], dict[str, str]]:
    """The decisions of every output of a plan; reasons for labels that are left as they are, by output; reasons for whole outputs."""
    made: list[Decisions] = []
    left: dict[str, dict[str, str]] = {}
    skipped = dict(plan.skipped)
    decisions: Decisions | None
    for name, matching in plan.matchings.items():
        spec = listener.config.outputs[name]
        if spec.activation == "softmax":
            decisions = _exclusive(name, spec, matching, clips)
            skipped |= {} if decisions else {name: f"fewer than {LEAST_SOURCES} sources have exactly one of its labels"}
        else:
            made_rows = _clip_rows(name, matching, clips) if spec.rate is None else _frame_rows(name, spec, matching, clips)
            decisions, left[name] = _independent(name, spec, matching, clips, *made_rows)
            skipped |= {} if decisions else {name: f"no label has {LEAST_SOURCES} sources with it and {LEAST_SOURCES} without"}
        made += [decisions] if decisions else []
    if plan.words is not None:
        decisions = _words(listener, plan.words, clips)
        skipped |= {} if decisions else {WORDS: f"fewer than {LEAST_SOURCES} sources have a label"}
        made += [decisions] if decisions else []
    return made, left, skipped


def _clip_rows(name: str, matching: Matching, clips: Clips) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """clip (N,), logits, truth and known (N, C) of clips: the maximum over windows."""
    logits = np.stack([outputs.scores[name].max(axis=0) for outputs in clips.outputs])
    truth = np.stack([matching.truth(item) for item in clips.items])
    return np.arange(len(logits)), logits, truth, np.stack([matching.known(item) for item in clips.items])


def _frame_rows(name: str, spec: Output, matching: Matching, clips: Clips) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """clip (N,), logits, truth and known (N, C) of the frames that are not silent, of clips with events."""
    used = [index for index, item in enumerate(clips.items) if matching.known(item).any()]
    total = sum(clips.outputs[index].frames[name].size for index in used)
    step = 1 + total // _FRAME_DECISIONS
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    for index in used:
        frames = clips.outputs[index].frames[name]
        kept = np.flatnonzero(~np.isnan(frames[:, 0]))[::step]
        truth = frame_truth(clips.items[index], matching, spec, len(frames))
        known = np.broadcast_to(matching.known(clips.items[index]), (len(kept), len(matching.columns)))
        rows.append((np.full(len(kept), index), frames[kept], truth[kept], known))
    if not rows:
        empty = np.zeros((0, len(matching.columns)))
        return np.zeros(0, np.int64), empty, empty > 0, empty > 0
    clip, logits, truth, known = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    return clip, logits, truth, known


def _independent(name: str, spec: Output, matching: Matching, clips: Clips, *rows: np.ndarray) -> tuple[Independent | None, dict[str, str]]:
    clip, logits, truth, known = rows
    reason = countable(truth, known, clips.source[clip])
    reasons = {place: reason(place) for place in range(len(matching.columns))}
    left = {spec.labels[matching.columns[place]]: why for place, why in reasons.items() if why}
    kept = [place for place, why in reasons.items() if not why]
    if not kept:
        return None, left
    columns = [matching.columns[place] for place in kept]
    scale, bias = current_calibration(spec)
    return Independent(
        name,
        tuple(spec.labels[column] for column in columns),
        clip,
        logits[:, kept],
        truth[:, kept],
        known[:, kept],
        sigmoid(logits[:, kept] * scale[columns] + bias[columns]),
        label_thresholds(spec)[columns],
    ), left


def current_calibration(spec: Output) -> tuple[np.ndarray, np.ndarray]:
    """Scale and bias of an output as it is, float32 (K,) each; 1 and 0 without a calibration."""
    given = spec.calibration
    values = (np.ones(len(spec.labels)), np.zeros(len(spec.labels))) if given is None else (given.scale, given.bias)
    return np.asarray(values[0], np.float32), np.asarray(values[1], np.float32)


def _exclusive(name: str, spec: Output, matching: Matching, clips: Clips) -> Exclusive | None:
    rows = [matching.truth(item) for item in clips.items]
    used = [index for index, row in enumerate(rows) if row.sum() == 1]
    if len(set(clips.source[used].tolist())) < LEAST_SOURCES:
        return None
    windows = [clips.outputs[index] for index in used]
    return Exclusive(
        name,
        spec.labels,
        np.array(used),
        np.concatenate([outputs.scores[name] for outputs in windows]),
        np.repeat(np.arange(len(used)), [len(outputs.seconds) for outputs in windows]),
        np.concatenate([outputs.seconds for outputs in windows]).astype(np.float64),
        np.array([matching.columns[int(rows[index].argmax())] for index in used]),
        float(current_calibration(spec)[0][0]),
    )


def _words(listener: Listener, matching: Matching, clips: Clips) -> Independent | None:
    """Cosines of labels, as texts in the model's own prompt, with clips: the maximum over windows."""
    texts, config = tuple(matching.index), listener.config
    truth = np.stack([matching.truth(item) for item in clips.items])
    if len(set(clips.source[truth.any(axis=1)].tolist())) < LEAST_SOURCES:
        return None

    def embed(several: Sequence[str]) -> np.ndarray:
        return textcache.embed_cached(several, listener.embed_text, fingerprint=listener.fingerprint)

    rows = open_prompt_set(own_prompt(config)).weights(texts, embed)
    cosines = np.stack([(outputs.vectors @ rows.T).max(axis=0) for outputs in clips.outputs])
    if config.text is not None and config.text.calibration is not None:
        scores = listener.score(cosines)
    else:  # such a model scores each text against a background of others
        scorer = contrast(texts, config, embed)
        scores = scorer.scores(np.stack([scorer.evidence(outputs.vectors).max(axis=0) for outputs in clips.outputs]))
    known = np.stack([matching.known(item) for item in clips.items])
    return Independent(
        WORDS,
        texts,
        np.arange(len(cosines)),
        cosines,
        truth,
        known,
        scores,
        np.full(len(texts), text_threshold(config)),
        shared=True,
    )
