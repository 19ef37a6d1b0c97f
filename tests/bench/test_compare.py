from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from auricle.bench import compare, intervals
from auricle.bench.score import Result, compute_scores
from auricle.bench.suite import Suite
from auricle.core.errors import InputError
from auricle.metrics.resampled import Metric, mean
from auricle.present import comparison

SUITE = Suite(format=1, name="made", about="Made.", protocol="zero_shot", metrics=("accuracy", "macro_accuracy"), draws=400, chance=0.5)
PLAIN = SUITE.model_copy(update={"metrics": ("accuracy",)})


def result(right: np.ndarray, name: str, *, per_group: int = 1, suite: Suite = SUITE, seed: int = 0) -> Result:
    rows = [
        {"id": f"{place}", "group": f"g{place // per_group}", "truth": "ab"[place % 2], "right": float(one), "top5": 1.0}
        for place, one in enumerate(right)
    ]
    about: dict[str, Any] = {"version": 1, "suite": suite.name, "about": suite.about, "model": name, "weights": f"{name} weights"}
    about |= {"seed": seed, "chance": suite.chance, "commit": None, "leaked": [], "settings": suite.model_dump(mode="json")}
    return Result(about | {"scores": compute_scores(suite, rows, seed)}, rows, [])


def answers(count: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(count) < share


def test_a_clear_difference_is_told_and_a_small_one_is_not() -> None:
    first = answers(400, 0.6, 0)
    better = first | answers(400, 0.4, 1)
    told = compare.compare(result(first, "one"), result(better, "two"))
    assert told.metrics[0].better == 1 and "two is better" in told.verdict and told.metrics[0].difference.p < 0.01
    back = compare.compare(result(better, "two"), result(first, "one"))
    assert back.metrics[0].better == 0 and back.metrics[0].difference.value == -told.metrics[0].difference.value
    close = first.copy()
    close[:2] = ~close[:2]
    unsure = compare.compare(result(first, "one"), result(close, "two"))
    assert unsure.metrics[0].better is None and "no significant difference" in unsure.verdict
    assert compare.compare(result(first, "one"), result(first, "one")).metrics[0].difference.p == 1.0


def test_clips_of_one_recording_are_one_piece_of_evidence() -> None:
    first = answers(20, 0.5, 0)
    better = first | answers(20, 0.35, 3)
    alone = compare.compare(result(np.repeat(first, 20), "one"), result(np.repeat(better, 20), "two")).metrics[0].difference
    grouped = compare.compare(result(np.repeat(first, 20), "one", per_group=20), result(np.repeat(better, 20), "two", per_group=20))
    assert grouped.metrics[0].difference.value == pytest.approx(alone.value)
    assert grouped.metrics[0].difference.p > 5 * alone.p
    assert grouped.metrics[0].difference.high - grouped.metrics[0].difference.low > 3 * (alone.high - alone.low)


def test_means_and_other_statistics_are_tested_alike() -> None:
    """The quick way for means and the way for any statistic, on the same rows."""
    rng = np.random.default_rng(0)
    rows = [{"x": float(value)} for value in np.concatenate([rng.normal(0, 1, 60), rng.normal(0.4, 1, 60)])]
    groups = [f"{place // 3}" for place in range(60)]
    quick = mean(rows, "x")
    slow = Metric(quick.rows, quick.statistic)
    one, other = (intervals.difference(metric, groups, seed=0, draws=2000) for metric in (quick, slow))
    assert one.value == pytest.approx(other.value)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.05) and one.p == pytest.approx(other.p, abs=0.03)
    half = Metric(np.arange(60), quick.statistic)
    value, low, high = intervals.interval(half, groups, seed=0, draws=2000)
    assert (value, low, high) == pytest.approx(intervals.interval(mean(rows[:60], "x"), groups, seed=0, draws=2000), abs=0.03)


def test_p_is_fair_where_there_is_no_difference() -> None:
    found = []
    for seed in range(60):
        both = [result(answers(60, 0.5, 2 * seed + side), "m", suite=PLAIN) for side in (0, 1)]
        found.append(compare.compare(*both).metrics[0].difference.p)
    assert np.mean(np.array(found) < 0.05) <= 0.12 and 0.3 < np.mean(found) < 0.8


def test_less_is_better_where_the_metric_is_a_rank() -> None:
    suite = Suite(format=1, name="r", about="", protocol="retrieval", metrics=("text_to_audio_median_rank",), draws=200)

    def ranked(least: int) -> Result:
        rows = [
            {
                "id": f"{place}",
                "group": f"{place}",
                "way": "text_to_audio",
                "ranks": [least + place % 3],
                "r1": 0.0,
                "r5": 0.0,
                "r10": 0.0,
                "map10": 0.0,
            }
            for place in range(40)
        ]
        about = result(answers(4, 0.5, 0), f"model {least}", suite=SUITE).summary
        settings = {"suite": "r", "settings": suite.model_dump(mode="json")}
        return Result(about | settings | {"scores": compute_scores(suite, rows, 0)}, rows, [])

    told = compare.compare(ranked(9), ranked(2))
    assert told.metrics[0].better == 1 and "model 2 is better" in told.verdict


def test_only_results_of_the_same_clips_are_compared() -> None:
    first = result(answers(20, 0.5, 0), "one")
    for other, message in (
        (result(answers(21, 0.5, 0), "two"), "in only one result"),
        (result(answers(20, 0.5, 0), "two", seed=1), "seed is 0 in one and 1"),
        (result(answers(20, 0.5, 0), "two", suite=SUITE.model_copy(update={"name": "x"})), "suite is"),
        (result(answers(20, 0.5, 0), "two", suite=SUITE.model_copy(update={"prompt": "laion"})), "differs in prompt"),
    ):
        with pytest.raises(InputError, match=message):
            compare.compare(first, other)
    described = result(answers(20, 0.5, 0), "two", suite=SUITE.model_copy(update={"about": "The same suite in other words."}))
    assert compare.compare(first, described).metrics[0].difference.value == 0


def test_results_are_kept_and_read_again(tmp_path: Path) -> None:
    first = result(answers(20, 0.5, 0), "one")
    first.save(tmp_path / "a")
    again = Result.load(tmp_path / "a")
    assert again.summary == first.summary and again.rows == first.rows == Result.load(tmp_path / "a" / "result.json").rows
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["items.jsonl", "result.json"]
    (tmp_path / "a" / "items.jsonl").write_text("no json\n")
    for place in (tmp_path / "a", tmp_path / "none"):
        with pytest.raises(InputError, match="auricle score"):
            Result.load(place)


def test_tables_and_drawing_hold_every_metric(tmp_path: Path) -> None:
    first, second = (result(answers(30, share, 0), f"<{share}|m>") for share in (0.4, 0.7))
    told = compare.compare(first, second)
    comparison.write(told, markdown=tmp_path / "t.md", page=tmp_path / "t.html")
    markdown, page = (tmp_path / "t.md").read_text(), (tmp_path / "t.html").read_text()
    assert markdown.count("\n| ") == 4 and "macro accuracy" in markdown and "](t.svg)" in markdown and "\\|m" in markdown
    assert "<0.4" not in page and "&lt;0.4" in page and page.count("<tr>") == 3
    drawing = ElementTree.fromstring((tmp_path / "t.svg").read_text())
    assert len(drawing.findall(".//{http://www.w3.org/2000/svg}circle")) == 2 + 2 * 2
    assert json.dumps(told.to_dict(), allow_nan=False)
