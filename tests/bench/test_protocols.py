"""Each protocol on sounds and vectors whose true answer is known, and by hand where the arithmetic is the point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import made_sounds
import numpy as np
import pytest

from auricle.bench import hierarchy
from auricle.bench.embeddings import ClipEmbeddings, embed_items
from auricle.bench.protocols import PROTOCOLS, event_order, few_shot, linear_probe, retrieval, tagging, zero_shot
from auricle.bench.protocols.protocol import EvaluationInput
from auricle.bench.suite import Split, Suite
from auricle.core.errors import InputError
from auricle.data.item import Caption, Item
from auricle.listen.listener import Listener, load
from auricle.metrics import retrieval as measures
from auricle.metrics.resampled import Row


class Words:
    """A listener as far as words go: each text has the vector that it is given here."""

    def __init__(self, texts: dict[str, np.ndarray]) -> None:
        self._texts = texts
        self.fingerprint = f"words of {sorted(texts)} {[list(row) for row in texts.values()]}"

    def embed_text(self, texts: list[str]) -> np.ndarray:
        return np.stack([self._texts[text] for text in texts])


def unit(*numbers: float) -> np.ndarray:
    return (np.array(numbers) / np.linalg.norm(numbers)).astype(np.float32)


def heard(vector: np.ndarray, *, silent: bool = False) -> ClipEmbeddings:
    return ClipEmbeddings(vector[None], vector[None], np.ones(1, np.float32), np.zeros(0, np.float32), silent)


def suite(protocol: str, **fields: Any) -> Suite:
    first = {"zero_shot": "accuracy", "few_shot": "logistic", "tagging": "map", "retrieval": "text_to_audio_r1"}
    return Suite(format=1, name="test", about="", protocol=protocol, metrics=(first.get(protocol, "accuracy"),), **fields)


def value(rows: list[Row], protocol: str, metric: str) -> float:
    found = PROTOCOLS[protocol].metrics(rows)[metric]
    return found.statistic(found.rows)


@pytest.fixture
def listener(tone_folder: Path) -> Listener:
    return load(tone_folder)


def said(name: str, *captions: str, style: str = "original", labels: tuple[str, ...] = ()) -> Item:
    return Item(id=name, audio=Path(name), captions=tuple(Caption(text, style) for text in captions), labels=labels)


def test_five_captions_are_five_queries_and_the_best_of_them_answers() -> None:
    a, b = unit(1, 0, 0), unit(0, 1, 0)
    texts = {"a": a, "nearly a": unit(1, 0.5, 0), "more b": unit(0.5, 1, 0), "b": b}
    items = [said("one", "a", "more b"), said("two", "b", "nearly a"), said("none")]
    rows = retrieval.run(EvaluationInput(suite("retrieval"), Words(texts), items, [heard(a), heard(b), heard(unit(0, 0, 1))], 0))  # type: ignore[arg-type]
    assert [row["ranks"] for row in rows if row["way"] == "text_to_audio"] == [[1], [2], [1], [2]]
    assert [row["ranks"] for row in rows if row["way"] == "audio_to_text"] == [[1, 3], [1, 3]]
    assert value(rows, "retrieval", "text_to_audio_r1") == 0.5 and value(rows, "retrieval", "text_to_audio_r5") == 1.0
    assert value(rows, "retrieval", "audio_to_text_r1") == 1.0
    assert value(rows, "retrieval", "audio_to_text_map10") == pytest.approx((1 + 2 / 3) / 2)
    assert value(rows, "retrieval", "text_to_audio_median_rank") == 1.5


def test_retrieval_agrees_with_the_room_of_metrics() -> None:
    rng = np.random.default_rng(0)
    sounds = np.stack([unit(*row) for row in rng.standard_normal((40, 6))])
    words = np.stack([unit(*row) for row in (np.repeat(sounds, 5, axis=0) + rng.standard_normal((200, 6)))])
    items = [said(f"{clip}", *(f"{clip} {number}" for number in range(5))) for clip in range(40)]
    texts = {f"{place // 5} {place % 5}": row for place, row in enumerate(words)}
    rows = retrieval.run(EvaluationInput(suite("retrieval"), Words(texts), items, [heard(row) for row in sounds], 0))  # type: ignore[arg-type]
    right = np.repeat(np.eye(40, dtype=bool), 5, axis=0)
    for way, found in (
        ("text_to_audio", measures.evaluate(right, words @ sounds.T)),
        ("audio_to_text", measures.evaluate(right.T.copy(), sounds @ words.T)),
    ):
        for metric, wanted in found.items():
            assert value(rows, "retrieval", f"{way}_{metric}") == pytest.approx(wanted)


def test_styles_that_nobody_wrote_are_an_error() -> None:
    with pytest.raises(InputError, match="style 'rewritten'"):
        retrieval.run(EvaluationInput(suite("retrieval", style="rewritten"), Words({}), [said("one", "a")], [heard(unit(1, 0))], 0))  # type: ignore[arg-type]


def test_order_counts_pairs_and_a_tie_is_half_right() -> None:
    texts = {"a then b": unit(1, 0), "b then a": unit(0, 1), "same": unit(1, 1)}
    right = Item(id="r", audio=Path("r"), captions=(Caption("a then b"), Caption("b then a", "swapped")))
    tie = Item(id="t", audio=Path("t"), captions=(Caption("same"), Caption("same", "swapped")))
    inputs = EvaluationInput(suite("order"), Words(texts), [right, tie], [heard(unit(1, 0)), heard(unit(1, 0))], 0)  # type: ignore[arg-type]
    rows = event_order.run(inputs)
    assert [row["right"] for row in rows] == [1.0, 0.5] and value(rows, "order", "accuracy") == 0.75
    inputs = EvaluationInput(suite("order"), Words(texts), [right], [heard(unit(0.1, 1))], 0)  # type: ignore[arg-type]
    assert event_order.run(inputs)[0]["right"] == 0.0
    with pytest.raises(InputError, match="pair by pair"):
        event_order.run(EvaluationInput(suite("order"), Words(texts), [said("x", "same")], [heard(unit(1, 0))], 0))  # type: ignore[arg-type]


def test_zero_shot_hears_what_the_classifier_hears(tmp_path: Path, listener: Listener) -> None:
    from auricle.listen.zeroshot import ZeroShot

    items = made_sounds.tones(tmp_path, each=2)
    silent = made_sounds.item(tmp_path, "silent", np.zeros(32_000, np.float32), "low tone")
    for rule in ("mean", "max"):
        inputs = EvaluationInput(suite("zero_shot", rule=rule), listener, [*items, silent], embed_items(listener, [*items, silent]), 0)
        rows = zero_shot.run(inputs)
        told = ZeroShot(listener, sorted(made_sounds.LABELS), rule=rule).classify([str(item.audio) for item in items])
        assert [row["said"] for row in rows[:-1]] == [one.labels[0].label for one in told]
    assert rows[-1]["said"] is None and rows[-1]["right"] == 0.0
    share = np.mean([row["said"] == row["truth"] for row in rows])
    assert value(rows, "zero_shot", "accuracy") == pytest.approx(share)


def test_words_of_the_suite_stand_for_labels(tmp_path: Path, listener: Listener) -> None:
    items = made_sounds.tones(tmp_path, each=1)
    odd = [Item(id=item.id, audio=item.audio, labels=(item.labels[0].replace(" tone", "_class"),)) for item in items]
    words = {item.labels[0].replace(" tone", "_class"): item.labels[0] for item in items}
    plain = zero_shot.run(EvaluationInput(suite("zero_shot"), listener, items, embed_items(listener, items), 0))
    named = zero_shot.run(EvaluationInput(suite("zero_shot", words=words), listener, odd, embed_items(listener, odd), 0))
    assert [row["right"] for row in plain] == [row["right"] for row in named]


def test_a_probe_learns_tones_and_never_splits_a_source(tmp_path: Path, listener: Listener) -> None:
    items = made_sounds.tones(tmp_path, each=6)
    for split in (Split(by="fold"), Split(by="source", parts=4), Split(by="official", train=("1",), test=("2",))):
        rows = linear_probe.run(EvaluationInput(suite("linear_probe", split=split), listener, items, embed_items(listener, items), 0))
        assert value(rows, "linear_probe", "accuracy") == 1.0
        for part in {row["part"] for row in rows}:
            scored = {row["group"] for row in rows if row["part"] == part}
            assert not scored & {row["group"] for row in rows if row["part"] != part}
    assert len(rows) < len(items) and len({row["id"] for row in rows}) == len(rows)


def test_an_official_split_that_shares_sources_must_say_so(tmp_path: Path) -> None:
    items = [made_sounds.item(tmp_path, f"{n}", made_sounds.chord([0.1, 0, 0], 0.1), "x", source="s", fold="ab"[n]) for n in range(2)]
    with pytest.raises(InputError, match="both training and test"):
        list(linear_probe.split_clips(Split(by="official", train=("a",), test=("b",)), items, 0))
    ((name, learnt, scored),) = linear_probe.split_clips(Split(by="official", train=("a",), test=("b",), shared=True), items, 0)
    assert (name, learnt.tolist(), scored.tolist()) == ("test", [0], [1])
    for split, message in ((Split(by="source"), "one source"), (Split(by="official", train=("a",), test=("c",)), "0 test clips")):
        with pytest.raises(InputError, match=message):
            list(linear_probe.split_clips(split, items, 0))


def test_lessons_keep_sources_apart_and_are_the_same_each_time(tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    items = made_sounds.tones(tmp_path, each=8)
    asked = {"count": 12, "ways": 2, "shots": 2, "queries": 2}
    inputs = EvaluationInput(suite("few_shot", episodes=asked), listener, items, embed_items(listener, items), 0)
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    real = few_shot._draw_episode
    monkeypatch.setattr(few_shot, "_draw_episode", lambda *given: drawn.append(real(*given)) or drawn[-1])
    rows = few_shot.run(inputs)
    assert len(rows) == 12 and value(rows, "few_shot", "prototypical") == value(rows, "few_shot", "logistic") == 1.0
    for shown, queries in drawn:
        assert not {items[place].source for place in shown} & {items[place].source for place in queries}
        assert len(set(shown.tolist())) == len(set(queries.tolist())) == 4
    assert len({tuple(shown.tolist()) for shown, _ in drawn}) > 6
    assert few_shot.run(inputs) == rows
    with pytest.raises(InputError, match="wanted 3"):
        few_shot.run(EvaluationInput(suite("few_shot", episodes=asked | {"ways": 3, "shots": 7}), listener, items, inputs.embeddings, 0))


def test_tagging_by_words_and_by_the_models_own_labels(tmp_path: Path, listener: Listener) -> None:
    items = made_sounds.tones(tmp_path, each=2)
    both = made_sounds.item(tmp_path, "both", made_sounds.chord([0.3, 0.0, 0.3]), "two", labels=("low tone", "high tone"))
    inputs = EvaluationInput(suite("tagging", answers="labels"), listener, [*items, both], embed_items(listener, [*items, both]), 0)
    rows = tagging.run(inputs)
    assert value(rows, "tagging", "map") == pytest.approx(1.0) and value(rows, "tagging", "lwlrap") == pytest.approx(1.0)
    assert rows[-1]["truth"] == [0, 1]  # high tone and low tone, of the sorted vocabulary
    by_words = tagging.run(EvaluationInput(suite("tagging"), listener, [*items, both], inputs.embeddings, 0))
    assert by_words[0]["scores"] != rows[0]["scores"] and len(by_words[0]["scores"]) == 3
    foreign = Item(id="f", audio=items[0].audio, labels=("trumpet", "drum"))
    with pytest.raises(InputError, match="'drum'"):
        tagging.run(EvaluationInput(suite("tagging", answers="labels"), listener, [foreign], inputs.embeddings[:1], 0))


def test_a_label_brings_its_ancestors_and_they_score_no_less() -> None:
    labels = ("Dog", "Bark", "Domestic_animals_and_pets", "Cat", "Vehicle_horn_and_car_horn_and_honking")
    implies = hierarchy.implication_matrix(labels)
    truth = hierarchy.add_ancestors(np.array([[False, True, False, False, False], [False, False, False, True, False]]), implies)
    assert truth.tolist() == [[True, True, True, False, False], [False, False, True, True, False]]
    scores = hierarchy.propagate_scores(np.array([[0.1, 0.9, 0.2, 0.3, 0.5]]), implies)
    assert scores.tolist() == [[0.9, 0.9, 0.9, 0.3, 0.5]]
    assert (hierarchy.add_ancestors(truth, implies) == truth).all()
    with pytest.raises(InputError, match="'Dog barking loudly'"):
        hierarchy.implication_matrix(["Dog", "Dog barking loudly"])


def test_every_audioset_label_is_in_the_tree() -> None:
    from auricle.core import audioset

    implies = hierarchy.implication_matrix(audioset.labels())
    assert implies.diagonal().all() and implies.sum() > len(implies)
    assert {label for label, below in zip(audioset.labels(), implies, strict=True) if below.sum() > 50} >= {"Music", "Animal"}


def test_macro_accuracy_counts_classes_alike() -> None:
    rows = [{"truth": "a", "right": 1.0}] * 9 + [{"truth": "b", "right": 0.0}]
    assert value(rows, "zero_shot", "macro_accuracy") == 0.5
