"""`auricle models`: what is installed, what is published, and getting it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from file_server import closed_address, serve

from auricle import cli
from auricle.core import download
from auricle.runtime import catalog, known

CONTENT = b"weights" * 10_000
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line; gives its exit code and what it printed."""
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    monkeypatch.chdir(tmp_path)

    def words(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["auricle", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(left.value.code or 0), printed.out, printed.err

    return words


def mn04_at(monkeypatch: pytest.MonkeyPatch, url: str) -> known.KnownModel:
    """The table with one model, unverified, at an address of this machine."""
    model = known.models()["mn04"]
    file = model.files[0].model_copy(update={"url": url, "size": len(CONTENT), "sha256": None, "sha256_by": None, "sha256_source": None})
    table = {"mn04": model.model_copy(update={"files": (file,)})}
    monkeypatch.setattr(known, "models", lambda: table)
    return table["mn04"]


def test_known_lists_every_checkpoint_with_its_facts(run: Run) -> None:
    code, out, err = run("models", "--known")
    text = " ".join(out.split())
    assert (code, err) == (0, "")
    for name, model in known.models().items():
        assert f"{name} model {model.title}"[:60] in text and model.licence in text and model.files[0].name.split(".")[0] not in ("", name)
    assert "AudioSet mAP 0.432" in text and "auricle models get mn04" in text and "tags (527 labels)" in text
    assert "by hand: download BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt in a browser" in text


def test_known_as_json_has_the_source_of_each_fact(run: Run) -> None:
    code, out, _ = run("models", "--known", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [row["name"] for row in rows] == list(known.models()) and not any(row["here"] for row in rows)
    assert all(row["licence_source"] and row["files"][0]["source"] for row in rows)


def test_get_downloads_and_says_what_it_got(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serve(CONTENT) as server:
        model = mn04_at(monkeypatch, server.url)
        code, out, err = run("models", "get", "mn04")
        text = " ".join(out.split())
        assert (code, err) == (0, "") and "downloaded; SHA-256" in text and "unverified: the publisher states no SHA-256" in text
        assert "auricle listen FILES -m mn04" in text and (model.folder / model.files[0].name).read_bytes() == CONTENT
        (file,) = json.loads(run("models", "get", "mn04", "--json")[1])["files"]
        assert file["new"] is False and file["verified_by"] is None and len(server.asked) == 1
    assert "it is in" in run("models", "--known")[1]


def test_a_failed_download_is_one_line_with_the_way_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    address = closed_address()
    model = mn04_at(monkeypatch, address)
    code, out, err = run("models", "get", "mn04")
    assert (code, out) == (1, "") and len(err.splitlines()) == 1
    assert err.startswith(address) and f"as {model.files[0].name} to the folder {model.folder}, and use it as: -m mn04" in err


def test_a_name_that_is_not_here_says_how_to_get_it(run: Run) -> None:
    soundfile.write("a.wav", np.zeros(16_000), 16_000)
    for words in (("tag", "a.wav", "-m", "mn04"), ("convert", "mn04", "-o", "made"), ("export", "mn04")):
        code, _, err = run(*words)
        assert code == 1 and "auricle models get mn04" in err and known.models()["mn04"].files[0].url in err


def test_wrong_arguments(run: Run) -> None:
    assert run("models", "get", "mn99")[0] == 2 and "wanted one of mn04" in run("models", "get", "mn99")[2]
    assert run("models", "--known", "get", "mn04")[0] == 2
    assert run("models", "put")[0] == 2


def test_where_nothing_is_recognised_a_better_model_is_named_once(
    run: Run, tone_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tone_folder, tmp_path / "weights" / catalog.DEFAULT)
    monkeypatch.setattr(catalog, "_WEIGHTS", tmp_path / "weights")
    for name in "ab":
        soundfile.write(f"{name}.wav", np.random.default_rng(0).normal(0, 0.1, 96_000), 16_000)
    code, out, _ = run("tag", "a.wav", "b.wav")
    assert code == 0 and out.count("nothing recognised") == 2
    assert out.count("; for a better published model: auricle models get mn04") == 1
    assert "mn04" not in run("tag", "a.wav", "--model", str(tone_folder))[1] + run("tag", "a.wav", "--json")[1]
    file, folder = known.models()["mn04"].files[0], known.models()["mn04"].folder
    folder.mkdir(parents=True)
    (folder / file.name).touch()
    assert "; try the model mn04: -m mn04" in run("tag", "a.wav")[1]
