"""Zero-shot: a head whose weights are text vectors. Names in, then files in and a Classification each out, without one labelled recording.

Two questions: `one` (which one of these is it? shares that sum to one) and `any` (which of these are in it? a probability each). What
the windows of a recording say is gathered by a rule (listen.gathering).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from auricle.core.arguments import check, choose, strings
from auricle.core.errors import InputError, ModelError, SoundError
from auricle.core.records import Classification, ClassificationQuery, Label
from auricle.data.prompts import Prompts, key
from auricle.data.prompts.attributes import Attributes
from auricle.data.prompts.descriptions import DescriptionSet
from auricle.listen import prompt_set, textcache
from auricle.listen.aggregation import Contrast, Cosines, EvidenceScorer, WindowAggregator
from auricle.listen.background import background, logit_scale, own_prompt
from auricle.listen.listener import Listener, listed, name_of
from auricle.listen.pipeline import Progress, Source, Worker
from auricle.listen.prompt_set import Mix, PromptSet
from auricle.listen.scale import Question, Rule, Scale, calibrate
from auricle.listen.scores import text_threshold
from auricle.tasks import event, tagging

#: How windows become one answer where no rule is asked for: a sound that passes is lost in a mean (docs/tasks/zero-shot.md).
RULE: Rule = "max"
#: Share of a model's own scale that is left to words of which it heard no sound in training: one_scale of docs/results/zero-shot.json,
#: of fifty classes in five models that did not hear them, over the scale of labels that were heard.
UNHEARD = 0.58


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """What one file says of the labels before it is a score: evidence (K,), None where nothing could be told.

    facts: the fields that Analysis and Classification have in common (pipeline.Recording.facts), `error` alone of a file that cannot be
    decoded.
    """

    file: str
    evidence: np.ndarray | None
    facts: dict[str, Any]


class ZeroShot:
    """Tells files apart by names. Safe to share between threads."""

    def __init__(
        self,
        listener: Listener,
        labels: Sequence[str] | None = None,
        *,
        prompt: str | Prompts | None = None,
        bank: str | Path | DescriptionSet | None = None,
        attributes: str | Path | Attributes | None = None,
        mix: Mix | None = None,
        rule: Rule | None = None,
        scales: Sequence[Scale] = (),
    ) -> None:
        """labels: any words; by default those that the bank or the attributes speak of. Those of which the model reads no word are left out
        and listed in `unread`. rule: of windows, for both questions.

        prompt: a protocol's name (auricle.data.prompts), a sentence with {label}, or the path of a protocol; by default the model's own.
        scales: calibrations fitted to this model with these words, one a question at most.
        """
        check(listener, Listener, what="listener", wanted="what auricle.load() gives")
        self.rule: Rule = RULE if rule is None else rule
        choose(self.rule, get_args(Rule), what="rule")
        self.listener = listener
        self.wording = prompt_set.opened(own_prompt(listener.config) if prompt is None else prompt, bank, attributes, mix)
        asked = _labels(labels, self.wording)
        self.unread = listener.unread([label for label in asked if not self.wording.describes(label)])
        self.labels = tuple(label for label in asked if label not in self.unread)
        if not self.labels:
            raise InputError(
                f"{', '.join(asked)}: {listener.config.name} reads no such words; wanted words of the language it was trained on"
            )
        check(scales, Sequence, what="scales", wanted="a list of Scale")
        for scale in scales:
            check(scale, Scale, what="a scale", wanted="a Scale that calibrate() fitted")
        self.scales = {scale.question: scale for scale in scales}
        for scale in scales:
            self._check(scale)
        self.weights = self.wording.rows(self.labels, self._embed)

    def classify(
        self, files: Source | Sequence[Source], *, question: Question = "one", progress: Progress | None = None
    ) -> list[Classification]:
        """An answer a file, in their order; one that cannot be heard has its error."""
        return list(self.each(listed(files), question=question, progress=progress))

    def each(self, files: Sequence[Source], *, question: Question = "one", progress: Progress | None = None) -> Iterator[Classification]:
        """What `classify` gives, one by one, each as soon as it is known. What they are judged by is ready before this returns."""
        judge, calibration, threshold = self.judge(question)
        asked = ClassificationQuery(question, self.wording.name, self.rule, calibration)

        def answers() -> Iterator[Classification]:
            for told in self._gathered(files, judge, progress):
                labels = () if told.evidence is None else decided(judge.scores(told.evidence), self.labels, question, threshold=threshold)
                yield Classification(told.file, asked, labels=labels, unread=self.unread, **told.facts)

        return answers()

    def cosines(self, files: Sequence[Source], *, progress: Progress | None = None) -> Iterator[Evidence]:
        """Cosines of each file with the labels, gathered from its windows by the rule: what `calibrate` is fitted to."""
        plain = Cosines(self.weights, Scale(question="one", scale=1.0))
        yield from self._gathered(files, plain, progress)

    def calibrate(self, files: Sequence[Source], truth: Sequence[str] | Sequence[Collection[str]], *, question: Question = "one") -> Scale:
        """A scale fitted to labelled files: of `one` a label each, of `any` those that are true. Files that say nothing are passed over."""
        files = listed(files)
        check(truth, Sequence, what="truth", wanted="a list with the label, or the labels, of each file")
        choose(question, get_args(Question), what="question")
        if len(truth) != len(files) or not files:
            raise InputError(f"{len(files)} files have {len(truth)} truths; wanted files, and one truth each")
        labels = [strings([true] if isinstance(true, str) else true, what="a truth") for true in truth]
        rows = np.array([tagging.encode(true, self.labels) for true in labels]) > 0
        if question == "one" and not (rows.sum(axis=1) == 1).all():
            raise InputError("which one needs one label a file; wanted a label each, or the question any")
        told = [one.evidence for one in self.cosines(files)]
        heard = [place for place, evidence in enumerate(told) if evidence is not None]
        if not heard:
            raise InputError(f"none of {len(files)} files says anything; wanted labelled recordings in which something sounds")
        cosines = np.stack([evidence for evidence in told if evidence is not None])
        right = rows[heard].argmax(axis=1) if question == "one" else rows[heard]
        fitted = calibrate(cosines, right, question=question)
        known = {"model": self.listener.fingerprint, "wording": self.wording.name, "rule": self.rule}
        return fitted.model_copy(update=known)

    def _gathered(self, files: Sequence[Source], judge: EvidenceScorer, progress: Progress | None) -> Iterator[Evidence]:
        files = listed(files)

        def tell(source: Source, worker: Worker) -> Evidence:
            gathering = WindowAggregator(judge, self.rule)
            with worker.hear(source) as recording:
                for part in recording:
                    gathering.add(part.vector, part.seconds)
            return Evidence(name_of(source), gathering.evidence(), recording.facts())

        for source, told in zip(files, self.listener.pipeline.each(files, tell, progress=progress), strict=True):
            yield Evidence(name_of(source), None, {"error": str(told)}) if isinstance(told, SoundError) else told

    def judge(self, question: Question) -> tuple[EvidenceScorer, str, float]:
        """The scorer of a question, its calibration (records.ClassificationQuery), and the score from which a label of `any` is present."""
        choose(question, get_args(Question), what="question")
        if question == "one":
            self._check_apart()
        if question in self.scales:
            return Cosines(self.weights, self.scales[question]), "fitted", 0.5
        config = self.listener.config
        line = None if config.text is None else config.text.calibration
        if line is not None:
            # Of labels that are each there with odds exp(scale * cosine + bias), one alone is there with shares softmax(scale * cosine).
            heard = question == "any" or {key(label) for label in self.labels} <= {key(label) for label in config.labels}
            own = Scale(question=question, scale=line.scale if heard else UNHEARD * line.scale, bias=line.bias)
            return Cosines(self.weights, own), "model" if self._as_the_model() else "none", text_threshold(config)
        scale = logit_scale(config)
        if question == "one":
            return Cosines(self.weights, Scale(question="one", scale=scale)), "none", 0.5
        return Contrast.against(self._background, self.weights, scale), "background", 0.5

    @functools.cached_property
    def _background(self) -> np.ndarray:
        """AudioSet's names in the words of the protocol, unit vectors (M, D)."""
        return background(self.wording, self._embed)

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        return textcache.vectors(texts, self.listener.embed_text, fingerprint=self.listener.fingerprint)

    def _as_the_model(self) -> bool:
        """Are the words those that the model was calibrated with?"""
        own = prompt_set.opened(own_prompt(self.listener.config))
        plain = self.wording.bank is None and self.wording.attributes is None
        return plain and self.wording.prompts.templates == own.prompts.templates and self.wording.prompts.classes is None

    def _check(self, scale: Scale) -> None:
        """A scale fits one model, one wording and one rule."""
        if scale.model is not None and scale.model != self.listener.fingerprint:
            raise ModelError(
                f"the scale was fitted to a model with weights {scale.model[:8]}, this one has {self.listener.fingerprint[:8]}; "
                "give that model, or calibrate anew"
            )
        for what, fitted, here in (("the words of", scale.wording, self.wording.name), ("the rule", scale.rule, self.rule)):
            if fitted is not None and fitted != here:
                raise InputError(
                    f"the scale was fitted with {what} {fitted!r}, here they are {here!r}; ask the same way, or calibrate anew"
                )

    def _check_apart(self) -> None:
        if len(self.labels) < 2:
            raise InputError(f"which one of one label is no question: {self.labels[0]!r} would always win; give more, or ask for any")
        same = prompt_set.alike(self.weights)
        if same is not None:
            first, second = (self.labels[place] for place in same)
            raise InputError(f"labels {first!r} and {second!r} are the same to this model; leave one out, or say it in other words")


def decided(scores: np.ndarray, labels: Sequence[str], question: Question, *, threshold: float = 0.5) -> tuple[Label, ...]:
    """Scores (K,) to labels, best first: of `one` only the best is present, of `any` those that reach the threshold."""
    if question == "any":
        return tagging.decode(scores, labels, thresholds=threshold)
    return event.decode(scores, labels), *tagging.decode(scores, labels, thresholds=np.inf)[1:]


def _labels(labels: Sequence[str] | None, said: PromptSet) -> tuple[str, ...]:
    if labels is None:
        known: dict[str, str] = {}
        for label in (*(said.bank.texts if said.bank else ()), *(said.attributes.weights if said.attributes else ())):
            known.setdefault(key(label), label)
        labels = list(known.values())
    labels = strings(labels, what="labels")
    if not labels:
        raise InputError("there are no labels; wanted some, or a bank or attributes that have them")
    keys = [key(label) for label in labels]
    double = next((label for label, one in zip(labels, keys, strict=True) if keys.count(one) > 1), None)
    if double is not None:
        raise InputError(f"label {double!r} is there twice; wanted each once")
    return labels
