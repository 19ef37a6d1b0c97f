"""Batches: a pure function of seed and step, shared out over ranks, with true masks, groups, labels and captions."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
soundfile = pytest.importorskip("soundfile")

from auricle.core.errors import InputError  # noqa: E402
from auricle.data.item import Caption, Item  # noqa: E402
from auricle.data.waves import Waves, open_waves  # noqa: E402
from auricle.signal.frontend import open_frontend  # noqa: E402
from auricle.train.batches import Batch, BatchConfig, Batches  # noqa: E402
from auricle.train.sampler import BatchSampler  # noqa: E402

RATE = 16_000
NAME = "auricle-16k"


def made(folder: Path, lengths: Sequence[float]) -> tuple[list[Item], Waves]:
    """A file of noise for each length (s); files 2 n and 2 n + 1 are of one recording."""
    rng, items = np.random.default_rng(0), []
    for number, seconds in enumerate(lengths):
        path = folder / f"{number}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(round(seconds * RATE)), RATE)
        captions = (Caption(f"caption {number}"), Caption(f"other {number}", weight=0.0))
        labels = ("even",) if number % 2 == 0 else ("odd", "unknown")
        items.append(Item(f"clip{number}", path, captions, labels, corpus="made", source=str(number // 2)))
    return items, open_waves(items, folder / "waves", rate=RATE)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Item], Waves]:
    return made(tmp_path_factory.mktemp("corpus"), [0.2 + 0.15 * (7 * number % 11) for number in range(22)])


def batches(corpus: tuple[list[Item], Waves], config: BatchConfig, **more: Sequence[str]) -> Batches:
    return Batches(*corpus, NAME, config, **more)


def same(one: Batch, other: Batch) -> bool:
    tensors = all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("features", "mask", "items", "groups"))
    return tensors and one.texts == other.texts


def test_any_step_comes_out_alike_from_anywhere(corpus: tuple[list[Item], Waves]) -> None:
    config = BatchConfig(batch=4, seconds=0.5, workers=2)
    whole = list(batches(corpus, config).stream(0, 12))
    resumed = list(batches(corpus, config.model_copy(update={"workers": 0})).stream(7, 12))
    assert all(same(one, other) for one, other in zip(whole[7:], resumed, strict=True))
    assert not same(whole[0], batches(corpus, config.model_copy(update={"seed": 1})).batch(0))


def test_an_epoch_hears_every_clip_once(corpus: tuple[list[Item], Waves]) -> None:
    for bucketing in (False, True):
        feed = batches(corpus, BatchConfig(batch=2, bucketing=bucketing, workers=0))
        for epoch in range(2):
            heard = [int(item) for step in range(11 * epoch, 11 * (epoch + 1)) for item in feed.batch(step).items]
            assert sorted(heard) == list(range(22))
        assert feed.epoch == 11


def test_ranks_share_a_batch(corpus: tuple[list[Item], Waves]) -> None:
    config = BatchConfig(batch=6, seconds=0.9, workers=0)
    whole = batches(corpus, config).batch(5)
    parts = [batches(corpus, config.model_copy(update={"rank": rank, "world": 3})).batch(5) for rank in range(3)]
    for rank, part in enumerate(parts):
        assert torch.equal(part.features, whole.features[rank::3]) and torch.equal(part.mask, whole.mask[rank::3])
        assert part.texts == whole.texts[rank::3] and torch.equal(part.groups, whole.groups[rank::3])


def test_features_are_those_of_the_clip_and_then_silence(corpus: tuple[list[Item], Waves]) -> None:
    items, waves = corpus
    feed, frontend = batches(corpus, BatchConfig(batch=4, seconds=None, workers=0)), open_frontend(NAME)
    batch = feed.batch(3)
    for row, item in enumerate(batch.items.tolist()):
        wanted = frontend.features(waves.wave(item).astype(np.float32) / 32768)
        assert int(batch.mask[row].sum()) == len(wanted)
        assert np.array_equal(batch.features[row, : len(wanted)].numpy(), wanted)
        assert (batch.features[row, len(wanted) :] < -99.9).all()
        assert feed.name(item) == items[item].id
    assert bool(batch.mask.any(dim=0).all())  # no longer than its longest clip


def test_longer_clips_are_cut_somewhere_else_each_time(corpus: tuple[list[Item], Waves]) -> None:
    feed = batches(corpus, BatchConfig(batch=22, seconds=0.2, workers=0))
    first, second = feed.batch(0), feed.batch(1)
    assert first.mask.all() and first.features.shape[1] == 11
    order = first.items.argsort(), second.items.argsort()
    assert not torch.equal(first.features[order[0]], second.features[order[1]])


def test_shorter_clips_are_filled_as_the_policy_says(corpus: tuple[list[Item], Waves]) -> None:
    batch = batches(corpus, BatchConfig(batch=22, seconds=2.0, policy="tile", workers=0)).batch(0)
    assert batch.mask.all() and batch.features.shape[1] == 101 and float(batch.features[:, :-1].max(dim=2).values.min()) > -60.0


def test_bucketing_puts_like_lengths_together() -> None:
    lengths = np.random.default_rng(0).integers(1000, 100_000, 800)
    spread = [np.ptp(lengths[BatchSampler(lengths, 8, seed=0, bucketing=bucketing).rows(3)]) for bucketing in (False, True)]
    assert spread[1] < 0.2 * spread[0]


def test_even_draws_hear_each_label_as_often_and_each_of_its_clips(corpus: tuple[list[Item], Waves]) -> None:
    items, waves = corpus
    rare = [item if place in (2, 4) else dataclasses.replace(item, labels=("odd",)) for place, item in enumerate(items)]
    rare[7] = dataclasses.replace(rare[7], labels=("unknown",))
    feed = Batches(rare, waves, NAME, BatchConfig(batch=4, seconds=0.2, balanced=True, workers=0), labels=("odd", "even", "never"))
    drawn = [feed.batch(step).items.tolist() for step in range(19)]
    heard = Counter(item for step in drawn for item in step)
    assert heard[2] == heard[4] == 19 and heard[7] == 0
    assert {count for item, count in heard.items() if item not in (2, 4)} == {2} and len(heard) == 21
    other = Batches(rare, waves, NAME, feed.config.model_copy(update={"seed": 1}), labels=("odd", "even", "never"))
    assert feed.epoch == 5 and feed.batch(9).items.tolist() == drawn[9] and other.batch(9).items.tolist() != drawn[9]
    assert [step[:2] for step in drawn] != sorted(step[:2] for step in drawn)


def test_groups_labels_and_captions_are_true(corpus: tuple[list[Item], Waves]) -> None:
    batch = batches(corpus, BatchConfig(batch=22, workers=0), labels=("odd", "even")).batch(0)
    assert batch.labels is not None
    for row, item in enumerate(batch.items.tolist()):
        assert batch.labels[row].tolist() == ([0.0, 1.0] if item % 2 == 0 else [1.0, 0.0])
        assert batch.texts[row] == f"caption {item}"  # the other has no weight
    recordings = dict(zip(batch.items.tolist(), batch.groups.tolist(), strict=True))
    assert all((recordings[one] == recordings[other]) == (one // 2 == other // 2) for one in range(22) for other in range(22))


def test_captions_may_be_made(corpus: tuple[list[Item], Waves]) -> None:
    config = BatchConfig(batch=22, workers=0)
    feed = Batches(*corpus, NAME, config, caption=lambda item, rng: f"{item.labels[0]} {rng.integers(100)}")
    first, second = feed.batch(0), feed.batch(0)
    assert first.texts == second.texts and len(set(first.texts)) > 5
    assert batches(corpus, BatchConfig(batch=22, captions="none", workers=0)).batch(0).texts == []


def test_what_cannot_be_heard_is_left_out_and_counted(tmp_path: Path) -> None:
    items, _ = made(tmp_path, [0.3, 0.3, 0.3])
    items[1].audio.write_bytes(b"no sound")
    waves = open_waves(items, tmp_path / "again", rate=RATE)
    feed = Batches(items, waves, NAME, BatchConfig(batch=2, workers=0))
    assert feed.left_out == 1 and sorted(feed.batch(0).items.tolist()) == [0, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 23}, "do not fill one batch of 23"),
        ({"batch": 3, "rank": 0, "world": 2}, "split among 2 ranks"),
        ({"seconds": None, "policy": "tile"}, "policy 'tile'"),
        ({"balanced": True, "bucketing": True}, "both true"),
        ({"balanced": True}, "no label has a clip"),
    ],
)
def test_what_cannot_be_is_refused(corpus: tuple[list[Item], Waves], change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        batches(corpus, BatchConfig(workers=0).model_copy(update={"batch": 4, **change}))


def test_another_rate_or_a_missing_caption_is_refused(corpus: tuple[list[Item], Waves]) -> None:
    items, waves = corpus
    with pytest.raises(InputError, match="needs 32000 Hz"):
        Batches(items, waves, "panns-32k", BatchConfig(batch=2))
    with pytest.raises(InputError, match="1 of 22 items have no caption, 'bare' first"):
        Batches([Item("bare", items[0].audio), *items[1:]], waves, NAME, BatchConfig(batch=2))


def test_every_clip_in_order_and_in_pieces(tmp_path: Path) -> None:
    corpus = made(tmp_path, [0.3, 1.25, 1.05, 0.5])

    def position(item: Item, start: float, seconds: float) -> np.ndarray:
        return np.array([start, seconds], np.float32)

    feed = Batches(*corpus, NAME, BatchConfig(batch=3, seconds=0.5), targets={"position": position})  # type: ignore[arg-type]
    first = [(item, start) for batch, starts in feed.in_order() for item, start in zip(batch.items.tolist(), starts, strict=True)]
    assert first == [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)]
    pieces = [
        (item, start, round(seconds, 3))
        for batch, starts in feed.in_order(whole=True)
        for item, start, (at, seconds) in zip(batch.items.tolist(), starts, batch.targets["position"].tolist(), strict=True)
        if at == start
    ]
    assert pieces == [
        (0, 0.0, 0.3), (1, 0.0, 0.5), (1, 0.5, 0.5), (1, 1.0, 0.25), (2, 0.0, 0.5), (2, 0.5, 0.5), (3, 0.0, 0.5),
    ]  # fmt: skip  # the last 0.05 s of the third clip are too short


def test_a_shorter_clip_is_padded_to_the_shortest_length(tmp_path: Path) -> None:
    corpus = made(tmp_path, [0.2, 0.9])
    feed = Batches(*corpus, NAME, BatchConfig(batch=1, seconds=2.0, policy="zero", shortest=0.5))
    lengths = {int(batch.items[0]): batch.features.shape[1] for batch, _ in feed.in_order()}
    assert lengths == {0: feed.frontend.frames(RATE // 2), 1: feed.frontend.frames(round(0.9 * RATE))}
