"""Zero-shot classification: a linear head whose weights are the text embeddings of labels. It needs no labelled recordings.

Two questions: `one` (single-label: softmax scores that sum to one) and `any` (multi-label: one probability per label). The windows of a
recording are pooled by a rule (listen.aggregation).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from auricle.core.arguments import check, check_choice, check_strings
from auricle.core.errors import InputError, ModelError, SoundError
from auricle.core.labels import label_key
from auricle.core.records import Classification, ClassificationQuery, Label
from auricle.data.prompts import PromptProtocol
from auricle.data.prompts.attributes import Attributes
from auricle.data.prompts.descriptions import DescriptionSet
from auricle.listen import prompt_set, textcache
from auricle.listen.aggregation import Contrast, Cosines, EvidenceScorer, WindowAggregator
from auricle.listen.background import background, logit_scale, own_prompt
from auricle.listen.listener import Listener, as_list, source_name
from auricle.listen.pipeline import Progress, Source, Worker
from auricle.listen.prompt_set import Mix, PromptSet
from auricle.listen.scale import Question, Rule, Scale, calibrate
from auricle.listen.scores import text_threshold
from auricle.tasks import event, tagging

#: The default rule that pools windows: the maximum, since a short sound disappears in a mean (docs/tasks/zero-shot.md).
RULE: Rule = "max"
#: Factor on the logit scale of a model for labels that were not in its training set: one_scale of docs/results/zero-shot.json, of fifty
#: classes in five models trained without them, divided by the scale of trained labels.
UNHEARD = 0.58


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence of one file for the labels, before calibration: evidence (K,), None if no window could be scored.

    facts: the fields that Analysis and Classification have in common (pipeline.Recording.facts), only `error` for a file that cannot be
    decoded.
    """

    file: str
    evidence: np.ndarray | None
    facts: dict[str, Any]


class ZeroShot:
    """Classifies recordings by text labels. Safe to share between threads.

    >>> classifier = auricle.ZeroShot(listener, ["siren", "rain", "church bells"])
    >>> classifier.classify("examples/rain.ogg")[0].labels[0].label
    'rain'
    """

    def __init__(
        self,
        listener: Listener,
        labels: Sequence[str] | None = None,
        *,
        prompt: str | PromptProtocol | None = None,
        bank: str | Path | DescriptionSet | None = None,
        attributes: str | Path | Attributes | None = None,
        mix: Mix | None = None,
        rule: Rule | None = None,
        scales: Sequence[Scale] = (),
    ) -> None:
        """labels: any words (K); by default those of the bank and the attributes. Labels that the tokenizer cannot encode are left out and
        listed in `unread`.

        prompt: name of a protocol (auricle.data.prompts), a template with {label}, or the path of a protocol; by default the model's own.
        bank: descriptions by label. attributes: weighted attributes by label. Both are a JSON file or an opened object. mix: weights of
        prompt, bank and attributes. rule: how windows are pooled, for both questions. scales: calibrations fitted to this model with the
        same prompt set and rule, at most one per question. InputError for arguments that do not fit; ModelError for a scale of another
        model.
        """
        check(listener, Listener, what="listener", wanted="a Listener from auricle.load()")
        self.rule: Rule = RULE if rule is None else rule
        check_choice(self.rule, get_args(Rule), what="rule")
        self.listener = listener
        self.prompt_set = prompt_set.open_prompt_set(own_prompt(listener.config) if prompt is None else prompt, bank, attributes, mix)
        requested = _labels(labels, self.prompt_set)
        self.unread = listener.unread([label for label in requested if not self.prompt_set.describes(label)])
        self.labels = tuple(label for label in requested if label not in self.unread)
        if not self.labels:
            raise InputError(
                f"{', '.join(requested)}: {listener.config.name} cannot encode these labels; wanted words of the language it was trained on"
            )
        check(scales, Sequence, what="scales", wanted="a list of Scale")
        for scale in scales:
            check(scale, Scale, what="a scale", wanted="a Scale that calibrate() fitted")
        self.scales = {scale.question: scale for scale in scales}
        for scale in scales:
            self._check(scale)
        self.weights = self.prompt_set.weights(self.labels, self._embed)

    def classify(
        self, files: Source | Sequence[Source], *, question: Question = "one", progress: Progress | None = None
    ) -> list[Classification]:
        """Classify files or clips: one Classification each, in their order; a file that cannot be read has `error`.

        question: "one" for exactly one label per file, "any" for any number. InputError for "one" with fewer than two distinct labels.

        >>> classifier = auricle.ZeroShot(listener, ["siren", "rain"], prompt="the sound of {label}")
        >>> for result in classifier.classify(["examples/siren.ogg", "examples/rain.ogg"]):
        ...     print(result.file, result.labels[0].label)
        examples/siren.ogg siren
        examples/rain.ogg rain
        """
        return list(self.each(as_list(files), question=question, progress=progress))

    def each(self, files: Sequence[Source], *, question: Question = "one", progress: Progress | None = None) -> Iterator[Classification]:
        """Iterate over the results of `classify`, each as soon as it is computed. Arguments are checked before this returns."""
        scorer, calibration, threshold = self.scorer(question)
        query = ClassificationQuery(question, self.prompt_set.name, self.rule, calibration)

        def answers() -> Iterator[Classification]:
            for one in self._pooled(files, scorer, progress):
                labels: tuple[Label, ...] = ()
                if one.evidence is not None:
                    labels = decode_scores(scorer.scores(one.evidence), self.labels, question, threshold=threshold)
                yield Classification(one.file, query, labels=labels, unread=self.unread, **one.facts)

        return answers()

    def cosines(self, files: Sequence[Source], *, progress: Progress | None = None) -> Iterator[Evidence]:
        """Cosines (K,) of each file with the labels, pooled over its windows by the rule: the input of `calibrate`."""
        plain = Cosines(self.weights, Scale(question="one", scale=1.0))
        yield from self._pooled(files, plain, progress)

    def calibrate(self, files: Sequence[Source], truth: Sequence[str] | Sequence[Collection[str]], *, question: Question = "one") -> Scale:
        """Fit a scale to labelled files. Files without evidence (unreadable or silent) are skipped.

        truth: for the question `one` one label per file, for `any` the labels that are present in each file. InputError if files and truth
        differ in number, or if no file has evidence.

        >>> files, truth = ["examples/siren.ogg", "examples/rain.ogg"], ["siren", "rain"]
        >>> scale = auricle.ZeroShot(listener, ["siren", "rain"]).calibrate(files, truth)
        >>> calibrated = auricle.ZeroShot(listener, ["siren", "rain"], scales=[scale])
        """
        files = as_list(files)
        check(truth, Sequence, what="truth", wanted="a list with the label, or the labels, of each file")
        check_choice(question, get_args(Question), what="question")
        if len(truth) != len(files) or not files:
            raise InputError(f"{len(files)} files and {len(truth)} items of truth; wanted at least one file, and one item per file")
        labels = [check_strings([true] if isinstance(true, str) else true, what="a truth") for true in truth]
        rows = np.array([tagging.encode(true, self.labels) for true in labels]) > 0
        if question == "one" and not (rows.sum(axis=1) == 1).all():
            raise InputError("truth has a file without exactly one label; wanted one label per file for question 'one', or question 'any'")
        evidences = [one.evidence for one in self.cosines(files)]
        scored = [index for index, evidence in enumerate(evidences) if evidence is not None]
        if not scored:
            raise InputError(f"all {len(files)} files are silent or unreadable; wanted labelled recordings with sound")
        cosines = np.stack([evidence for evidence in evidences if evidence is not None])
        targets = rows[scored].argmax(axis=1) if question == "one" else rows[scored]
        fitted = calibrate(cosines, targets, question=question)
        provenance = {"model": self.listener.fingerprint, "wording": self.prompt_set.name, "rule": self.rule}
        return fitted.model_copy(update=provenance)

    def _pooled(self, files: Sequence[Source], scorer: EvidenceScorer, progress: Progress | None) -> Iterator[Evidence]:
        files = as_list(files)

        def score(source: Source, worker: Worker) -> Evidence:
            aggregator = WindowAggregator(scorer, self.rule)
            with worker.open(source) as recording:
                for part in recording:
                    aggregator.add(part.vector, part.seconds)
            return Evidence(source_name(source), aggregator.evidence(), recording.facts())

        for source, result in zip(files, self.listener.pipeline.each(files, score, progress=progress), strict=True):
            yield Evidence(source_name(source), None, {"error": str(result)}) if isinstance(result, SoundError) else result

    def scorer(self, question: Question) -> tuple[EvidenceScorer, str, float]:
        """The scorer of a question, its calibration (records.ClassificationQuery), and the score from which a label of `any` is present."""
        check_choice(question, get_args(Question), what="question")
        if question == "one":
            self._check_apart()
        if question in self.scales:
            return Cosines(self.weights, self.scales[question]), "fitted", 0.5
        config = self.listener.config
        line = None if config.text is None else config.text.calibration
        if line is not None:
            # Independent labels with odds exp(scale * cosine + bias), given that exactly one is present: softmax(scale * cosine).
            # Without labels of its own, the calibration of a model is of labels that were not in its training set.
            trained = question == "any" or not config.labels or self._are_trained()
            own = Scale(question=question, scale=line.scale if trained else UNHEARD * line.scale, bias=line.bias)
            return Cosines(self.weights, own), "model" if self._has_model_prompt() else "none", text_threshold(config)
        scale = logit_scale(config)
        if question == "one":
            return Cosines(self.weights, Scale(question="one", scale=scale)), "none", 0.5
        return Contrast.against(self._background, self.weights, scale), "background", 0.5

    def _are_trained(self) -> bool:
        return {label_key(label) for label in self.labels} <= {label_key(label) for label in self.listener.config.labels}

    @functools.cached_property
    def _background(self) -> np.ndarray:
        """Unit text vectors (M, D) of the AudioSet class names in the templates of this prompt set."""
        return background(self.prompt_set, self._embed)

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        return textcache.embed_cached(texts, self.listener.embed_text, fingerprint=self.listener.fingerprint)

    def _has_model_prompt(self) -> bool:
        """Whether the prompt set is the one that the model was calibrated with."""
        own = prompt_set.open_prompt_set(own_prompt(self.listener.config))
        plain = self.prompt_set.bank is None and self.prompt_set.attributes is None
        return plain and self.prompt_set.prompts.templates == own.prompts.templates and self.prompt_set.prompts.classes is None

    def _check(self, scale: Scale) -> None:
        """ModelError or InputError if a scale was fitted to another model, prompt set or rule."""
        if scale.model is not None and scale.model != self.listener.fingerprint:
            raise ModelError(
                f"the scale was fitted to a model with weights {scale.model[:8]}, this one has {self.listener.fingerprint[:8]}; "
                "give that model, or calibrate again"
            )
        for what, fitted, here in (("prompt set", scale.wording, self.prompt_set.name), ("rule", scale.rule, self.rule)):
            if fitted is not None and fitted != here:
                raise InputError(
                    f"the scale was fitted with {what} {fitted!r}, here it is {here!r}; use the same {what}, or calibrate again"
                )

    def _check_apart(self) -> None:
        if len(self.labels) < 2:
            raise InputError(f"one label, {self.labels[0]!r}, for question 'one'; wanted two or more labels, or question 'any'")
        same = prompt_set.find_duplicates(self.weights)
        if same is not None:
            first, second = (self.labels[index] for index in same)
            raise InputError(f"labels {first!r} and {second!r} have the same text vector in this model; leave one out, or reword it")


def decode_scores(scores: np.ndarray, labels: Sequence[str], question: Question, *, threshold: float = 0.5) -> tuple[Label, ...]:
    """Labels of scores (K,), best first. For `one` only the best is present, for `any` those that reach the threshold."""
    if question == "any":
        return tagging.decode(scores, labels, thresholds=threshold)
    return event.decode(scores, labels), *tagging.decode(scores, labels, thresholds=np.inf)[1:]


def _labels(labels: Sequence[str] | None, prompts: PromptSet) -> tuple[str, ...]:
    if labels is None:
        described: dict[str, str] = {}
        for label in (*(prompts.bank.texts if prompts.bank else ()), *(prompts.attributes.weights if prompts.attributes else ())):
            described.setdefault(label_key(label), label)
        labels = list(described.values())
    labels = check_strings(labels, what="labels")
    if not labels:
        raise InputError("no labels were given; wanted at least one, or a bank or attributes with labels")
    keys = [label_key(label) for label in labels]
    double = next((label for label, one in zip(labels, keys, strict=True) if keys.count(one) > 1), None)
    if double is not None:
        raise InputError(f"label {double!r} is given twice; wanted each label once")
    return labels
