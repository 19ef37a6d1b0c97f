"""Recordings of a recipe: errors name the field that a manifest lacks, items without it are counted, and nothing here needs torch."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.core.errors import InputError
from auricle.data.item import Caption, Item
from auricle.data.manifest import write
from auricle.recipes.recordings import DataConfig, read_items


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    items = [
        Item("a", tmp_path / "a.wav", labels=("dog",)),
        Item("b", tmp_path / "b.wav", captions=(Caption("a dog"),)),
        Item("c", tmp_path / "c.wav"),
    ]
    write(tmp_path / "items.jsonl", items)
    return tmp_path / "items.jsonl"


def test_items_without_the_field_are_counted(manifest: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = DataConfig(data=manifest)
    with caplog.at_level(logging.INFO):
        assert [item.id for item in read_items(config, "labels")] == ["a"]
        assert f"2 of the 3 items of {manifest} are skipped: they do not have the field labels" in caplog.text
        caplog.clear()
        assert [item.id for item in read_items(config, "captions", "labels")] == ["a", "b"]
        assert "1 of the 3 items" in caplog.text and "the field captions or labels" in caplog.text
        caplog.clear()
        assert len(read_items(config)) == 3 and not caplog.text


def test_a_manifest_without_the_field_is_refused_by_its_name(manifest: Path) -> None:
    message = r"items\.jsonl: none of its 3 items has the field events, which this recipe trains on; .* see Manifests in docs/data\.md"
    with pytest.raises(InputError, match=message):
        read_items(DataConfig(data=manifest), "events")
    manifest.write_text("")
    with pytest.raises(InputError, match=r"items\.jsonl: has no items; wanted labels in each line"):
        read_items(DataConfig(data=manifest), "labels")


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder; wanted a manifest of its recordings"):
        read_items(DataConfig(data=tmp_path))


def test_synthetic_sounds_have_labels_and_captions(tmp_path: Path) -> None:
    items = read_items(DataConfig(cache=tmp_path), "labels", made=3)
    assert len(items) == 3 and all(item.audio.is_file() and item.captions for item in items)


@pytest.mark.parametrize("recipe", ["linear_probe", "classic"])
def test_recipes_without_a_training_loop_need_no_torch(recipe: str) -> None:
    code = f"import sys, auricle.recipes.{recipe}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
