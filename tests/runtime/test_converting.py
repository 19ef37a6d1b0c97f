"""A checkpoint is converted once: after that its folder is opened by its graph, without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import published_models
import pytest
import soundfile
from tone_model import tone

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("transformers")

TAGS = """
import sys, json, auricle
listener = auricle.load(sys.argv[1])
heard = listener.listen(sys.argv[2], labels=["a dog barks", "church bells"])
print(json.dumps({"error": heard.error, "engine": listener.runtime.engine.name, "torch": "torch" in sys.modules}))
"""


def opened(weights: Path, sound: Path, cache: Path) -> dict[str, object]:
    places = {"AURICLE_CACHE": str(cache), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", TAGS, str(weights), str(sound)]
    done = subprocess.run(command, env=os.environ | places, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_weights_are_opened_by_their_graph_from_the_second_time_on_without_torch(tmp_path: Path) -> None:
    weights, sound = published_models.clap_folder(tmp_path / "clap"), tmp_path / "tone.wav"
    soundfile.write(sound, tone("low tone", 2), 16_000)
    first, again = (opened(weights, sound, tmp_path / "cache") for _ in range(2))
    assert first["error"] is None and first["torch"] and not str(first["engine"]).startswith("torch")
    assert again == first | {"torch": False}
