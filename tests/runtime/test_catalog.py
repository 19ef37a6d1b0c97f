"""Published weights by path and by name: converted once, found again, refused with a reason."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import published_models

import auricle
from auricle.core.errors import ModelError
from auricle.runtime import catalog


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as huggingface_hub caches one repository."""
    home = tmp_path_factory.mktemp("hub")
    repository = home / "hub" / "models--someone--small-clap"
    published_models.clap_folder(repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    return home


def snapshot(hub: Path) -> Path:
    return hub / "hub" / "models--someone--small-clap" / "snapshots" / "abc"


def test_a_folder_of_the_hub_is_converted_once(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path))
    first = catalog.find_folder(snapshot(hub))
    assert first.is_relative_to(tmp_path) and catalog.converted() == (first,)
    stamp = (first / "model.safetensors").stat().st_mtime_ns
    assert catalog.find_folder(snapshot(hub)) == first and (first / "model.safetensors").stat().st_mtime_ns == stamp
    changed = tmp_path / "changed"
    shutil.copytree(snapshot(hub), changed)
    with (changed / "model.safetensors").open("r+b") as stream:
        stream.seek(-4, os.SEEK_END)
        stream.write(np.float32(0.5).tobytes())
    assert catalog.find_folder(changed) != first


def test_words_and_sounds_meet(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path))
    listener = auricle.load(snapshot(hub))
    clip = auricle.Clip(np.random.default_rng(0).standard_normal((1, 48_000)).astype(np.float32), 48_000)
    heard = listener.listen(clip, labels=["rain", "church bells"])
    assert heard.labels is not None and [label.label for label in heard.labels] == ["rain", "church bells"]
    assert all(0 <= label.score <= 1 for label in heard.labels) and not heard.tags
    assert listener.embed_text(["rain"]).shape == (1, 32)


@pytest.mark.slow
def test_a_name_is_looked_up_in_the_hubs_cache(hub: Path, tmp_path: Path) -> None:
    """In a process of its own: huggingface_hub reads its settings when it is imported."""
    code = "import auricle; print(auricle.load('someone/small-clap').config.name)"
    offline = {**os.environ, "HF_HOME": str(hub), "HF_HUB_OFFLINE": "1", "AURICLE_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=offline)
    assert done.stdout.strip() == "someone/small-clap", done.stderr[-2000:]
    done = subprocess.run(
        [sys.executable, "-m", "auricle", "doctor", "someone/other"], capture_output=True, text=True, check=False, env=offline
    )
    assert done.returncode == 1 and "someone/other is not cached and could not be downloaded" in done.stdout.replace("\n", " ")


@pytest.mark.parametrize("name", ["ok/typo", "ok/typo/model.bin"])
def test_a_name_that_the_hub_has_not_is_asked_for_once(name: str, tmp_path: Path) -> None:
    """A busy or missing hub is no reason to keep somebody waiting who mistyped a name."""
    asked: list[str] = []

    class Busy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        settings = {**os.environ, "HF_HOME": str(tmp_path), "HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "AURICLE_CACHE": ""}
        words = [sys.executable, "-m", "auricle", "tag", "x.wav", "--model", name]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=settings)
        server.shutdown()
    assert done.returncode == 1 and done.stderr.startswith(f"{name} is not cached and could not be downloaded from {address} (")
    assert [path for path in asked if "typo" in path] == ["/api/models/ok/typo"] and len(done.stderr.splitlines()) == 1


def test_weights_of_nobody_are_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"state_dict": {"layer.weight": torch.zeros(2)}}, tmp_path / "x.pt")
    with pytest.raises(ModelError, match=r"x.pt: not a supported format \(first tensors: layer.weight\)"):
        auricle.load(tmp_path / "x.pt")
