"""The page about the service is true: its commands work as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx2 as httpx
import pytest

from auricle.serve import filters, problems
from auricle.serve.settings import Settings
from serve.running import Serve

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) for line in block.splitlines()]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands need curl")
def test_the_commands_of_the_page_work(serve: Serve, tmp_path: Path) -> None:
    client: httpx.Client = serve()
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    found = client.post("/search", json={"text": "low tone"}).json()["hits"]
    one = next(hit["id"] for hit in found if hit["name"] == "low.wav")
    asked = [line for line in COMMANDS if line.startswith("curl")]
    assert len(asked) > 12
    for line in asked:
        command = line.replace("http://127.0.0.1:8765", str(client.base_url).rstrip("/")).replace("curl ", "curl -sS --fail-with-body ", 1)
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=os.environ | {"ID": one}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_page_tells_of_every_problem_and_default() -> None:
    told = set(re.findall(r"\b4\d\d\b|\b50[37]\b", PAGE[PAGE.index("| status |") : PAGE.index("## How it works")]))
    assert {int(status) for status in told} >= set(problems.MEANING) - {405}
    assert (
        f"{Settings.max_bytes // 10**6} |" in PAGE and f"{Settings.max_seconds / 60:g} |" in PAGE and f"| {Settings.max_requests} |" in PAGE
    )
    assert all(f"`{name}`" in PAGE for name in filters.FUNCTIONS)
