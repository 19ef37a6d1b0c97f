from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tone_model

from auricle.core.errors import ModelError
from auricle.core.model_files import read_config


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(tone_model.config() | changes))
    return path


def test_reads_what_is_right(tmp_path: Path) -> None:
    config = read_config(written(tmp_path))
    assert config.labels == tone_model.LABELS
    assert config.window.hop == 8.0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 3}, "format is 3; this release reads 2 and 1"),
        ({"extra": 1}, "extra"),
        ({"dim": "8"}, "dim"),
        ({"dim": 0}, "dim"),
        ({"labels": []}, "labels"),
        ({"labels": ["a", "a", "b", "c", "d"]}, "labels have duplicates"),
        ({"labels": ["a"]}, "numbers for 1 labels"),
        ({"context": 5.0}, "hop: Input should be greater than 0"),
        ({"context": 1.01}, "wanted a whole number"),
        ({"frame_rate": float("inf")}, "frame_rate"),
        ({"frame_rate": 1e12}, "frame_rate: Input should be less than"),
        ({"window": 1e300}, "window: Input should be less than"),
        ({"silence_dbfs": 1e300}, "silence_dbfs: Input should be less than"),
        ({"silence_dbfs": float("nan")}, "silence_dbfs"),
        ({"threshold": {"clip": [2.0] * 5, "frame": [0.5] * 5, "text": 0.5}}, "threshold.clip"),
    ],
)
def test_refuses_what_is_wrong_in_one_line(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(ModelError, match=told) as caught:
        read_config(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", None])
def test_refuses_what_is_no_config(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_config(path)
    assert "\n" not in str(caught.value)


def test_a_folder_cannot_say_where_its_graph_lies(tmp_path: Path) -> None:
    config = read_config(written(tmp_path)).model_dump(mode="json")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert read_config(path).names.graph == "encode.onnx"
    for key in ("names", "_names"):
        path.write_text(json.dumps({**config, key: {"graph": "../other.onnx"}}))
        with pytest.raises(ModelError, match=f"{key}: Extra inputs"):
            read_config(path)


def test_missing_key_is_named(tmp_path: Path) -> None:
    config = tone_model.config()
    del config["window"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="window: Field required"):
        read_config(tmp_path / "config.json")
