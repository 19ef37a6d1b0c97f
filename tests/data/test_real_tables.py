"""Facts about the laid-out corpora that the shipped model rests on; skips without AURICLE_DATA (or ../shared/data)."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from auricle.data import corpora
from auricle.data.corpora.table import fold
from auricle.data.licences import trainable


@pytest.fixture(scope="module")
def root() -> Path:
    place = Path(os.environ.get("AURICLE_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
    if not (place / "esc50_16k" / "clips.csv").is_file():
        pytest.skip("no corpora: set AURICLE_DATA to their folder")
    return place.resolve()


def test_which_rows_train(root: Path) -> None:
    rows = corpora.read(root, ["esc50"])
    assert Counter(row.licence for row in rows if trainable(row)) == {"CC0": 666, "CC-BY": 735}
    assert len({row.labels for row in rows}) == 50
    assert {fold(row) for row in rows} == {1, 2, 3, 4}


def test_no_source_is_split_over_folds(root: Path) -> None:
    folds = defaultdict(set)
    for row in corpora.read(root):
        if row.corpus != "esc50":
            folds[row.corpus, row.source].add(fold(row))
    assert all(len(numbers) == 1 for numbers in folds.values())


def test_every_corpus_is_read_and_its_files_are_there(root: Path) -> None:
    rows = corpora.read(root)
    assert {row.corpus for row in rows} == set(corpora.CORPORA)
    assert all(row.path.is_file() for row in rows)
    assert all(label == label.strip().lower() for row in rows for label in row.labels)
