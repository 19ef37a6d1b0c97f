from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tone_model import DIM, silence, tone, without_frames

from auricle import cli


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with sound, silence, a text that claims to be sound, and a cut file."""
    soundfile.write(tmp_path / "tones.wav", np.concatenate([silence(1), tone("low tone", 2), tone("high tone", 1)]), 16_000)
    soundfile.write(tmp_path / "silence.flac", silence(2), 16_000)
    (tmp_path / "text.wav").write_text("no sound\n" * 50)
    soundfile.write(tmp_path / "cut.wav", tone("middle tone", 2), 16_000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:32_044])
    return tmp_path


@pytest.fixture
def auricle(
    folder: Path, tone_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line inside `folder` with the tone model; gives its exit code and what it printed."""

    def run(*words: str, model: bool = True) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["auricle", *words, *(["--model", str(tone_folder)] if model else [])])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(left.value.code or 0), printed.out, printed.err

    return run


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_listen_tells_people(auricle: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = auricle("listen", "tones.wav", "silence.flac", "--labels", "deep hum, dog")
    assert (code, err) == (0, "")
    assert "low tone" in out and "0:01.0-0:03.0" in out and "rain" not in out and "deep hum" in out and "  silent" in out


def test_listen_json_is_the_documented_object(auricle: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = auricle("listen", "tones.wav", "--json")
    assert err == ""
    (told,) = objects(out)
    assert (code, err) == (0, "")
    assert list(told) == ["version", "file", "duration", "coverage", "silent", "tags", "events", "band"]
    assert told["version"] == 1 and told["file"] == "tones.wav" and told["duration"] == 4.0 and told["coverage"] == 1.0
    assert len(told["tags"]) == 5 and list(told["tags"][0]) == ["label", "score", "present"]
    assert list(told["events"][0]) == ["label", "onset", "offset", "score"]


def test_every_file_has_its_line_in_order_whatever_is_wrong(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    (folder / "empty").mkdir()
    files = ["text.wav", "tones.wav", "missing.wav", "empty", "cut.wav", "silence.flac"]
    code, out, err = auricle("listen", *files, "--json", "--labels", "dog")
    told = objects(out)
    assert code == 1 and [one["file"] for one in told] == files
    assert ["error" in one for one in told] == [True, False, True, True, True, False]
    assert told[4]["tags"][0] == {"label": "middle tone", "score": 1.0, "present": True} and told[4]["coverage"] < 1
    assert err.splitlines()[-1] == "4 of 6 files had an error" and len(err.splitlines()) == 5
    assert told[5]["labels"] == [{"label": "dog", "score": 0.0, "present": False, "scored_by": "label", "named": "dog"}]


@pytest.mark.parametrize("words", [("listen",), ("tag",), ("detect",), ("classify", "--labels", "dog, rain")])
def test_a_folder_is_every_recording_in_it(auricle: Callable[..., tuple[int, str, str]], folder: Path, words: tuple[str, ...]) -> None:
    (folder / "takes" / "old").mkdir(parents=True)
    (folder / "takes" / "notes.txt").write_text("no recording")
    for name in ("b.wav", "a.wav", "old/c.wav"):
        (folder / "takes" / name).write_bytes((folder / "tones.wav").read_bytes())
    code, out, err = auricle(words[0], "silence.flac", "takes", *words[1:], "--json")
    assert (code, err) == (0, "")
    assert [told["file"] for told in objects(out)] == ["silence.flac", "takes/a.wav", "takes/b.wav", "takes/old/c.wav"]


def test_a_folder_is_embedded_by_recording(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    auricle("embed", ".", "-o", "x.npy")
    assert len(np.load(folder / "x.npy")) == 4


def test_one_bad_file(auricle: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = auricle("listen", "missing.wav")
    assert (code, out) == (1, "") and err.splitlines()[0].startswith("missing.wav: no such file")


def test_tag_and_detect_print_their_part(auricle: Callable[..., tuple[int, str, str]]) -> None:
    whole = objects(auricle("listen", "tones.wav", "--json")[1])[0]
    tagged, detected = (objects(auricle(verb, "tones.wav", "--json")[1])[0] for verb in ("tag", "detect"))
    assert tagged == {name: value for name, value in whole.items() if name != "events"}
    assert detected == {name: value for name, value in whole.items() if name != "tags"}
    assert "0:01.0-0:03.0" not in auricle("tag", "tones.wav")[1]
    assert "0:01.0-0:03.0" in auricle("detect", "tones.wav")[1]


def test_detect_takes_short_windows_of_a_model_without_frames(
    auricle: Callable[..., tuple[int, str, str]], tone_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = auricle("detect", "tones.wav", "--window", "1")
    assert refused[0] == 2 and "tones has 12.5 frame-level scores a second; leave out window and hop" in refused[2]
    assert "hop is 0.25 (float) without a window" in auricle("detect", "tones.wav", "--hop", "0.25")[2]
    monkeypatch.setattr(cli.terminal, "load", lambda *_, **__: without_frames(tone_folder))
    assert "give --window 1 --hop 0.25" in auricle("detect", "tones.wav")[2]
    (analysis,) = objects(auricle("detect", "tones.wav", "--window", "0.25", "--hop", "0.25", "--json")[1])
    assert analysis["event_windows"] == {"window": 0.25, "hop": 0.25}
    assert [(one["label"], one["onset"], one["offset"]) for one in analysis["events"]] == [("low tone", 1.0, 3.0), ("high tone", 3.0, 4.0)]


@pytest.mark.parametrize(("k", "count"), [("1", 1), ("3", 3), ("100", 5), ("all", 5)])
def test_k_is_the_number_of_tags(auricle: Callable[..., tuple[int, str, str]], k: str, count: int) -> None:
    assert len(objects(auricle("tag", "tones.wav", "--json", "-k", k)[1])[0]["tags"]) == count


@pytest.mark.parametrize(
    "words",
    [
        ("tag", "tones.wav", "-k", "0"),
        ("tag", "tones.wav", "-k", "some"),
        ("listen", "tones.wav", "--labels", "dog,,cat"),
        ("listen", "tones.wav", "--labels", ""),
        ("embed", "tones.wav"),
    ],
)
def test_wrong_arguments_are_one_line(auricle: Callable[..., tuple[int, str, str]], words: tuple[str, ...]) -> None:
    code, out, err = auricle(*words)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [("embed", "--output", "no/x.npy"), ("listen", "--html", "no/x.html"), ("listen", "--html", ".")])
def test_a_file_that_cannot_be_written_is_one_line_before_the_work(
    auricle: Callable[..., tuple[int, str, str]], words: tuple[str, ...]
) -> None:
    code, out, err = auricle(*words, "tones.wav")
    assert (code, out) == (1, "") and len(err.splitlines()) == 1 and err.startswith(f"{words[-1]}: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("listen",), "Missing argument 'FILES'"),
        (("nonsense",), "No such command 'nonsense'"),
        (("lisen", "tones.wav"), "Did you mean 'listen'? See "),
        (("listen", "tones.wav", "--runtime", "abacus"), "'abacus' is not one of 'onnx'"),
        (("listen", "tones.wav", "--modle", "x"), "--model"),
    ],
)
def test_errors_of_the_parser_are_one_line_with_a_way_to_help(
    auricle: Callable[..., tuple[int, str, str]], words: tuple[str, ...], message: str
) -> None:
    code, out, err = auricle(*words, model=False)
    assert (code, out) == (2, "") and message in err and len(err.splitlines()) == 1 and err.endswith("--help\n")


def test_an_option_without_its_value_is_one_line(auricle: Callable[..., tuple[int, str, str]]) -> None:
    assert auricle("embed", "tones.wav", "--output", model=False) == (2, "", "Option '--output' requires an argument\n")


def test_a_file_whose_name_begins_with_a_dash(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    (folder / "-tones.wav").write_bytes((folder / "tones.wav").read_bytes())
    refused = (2, "", "-tones.wav is read as an option; write ./-tones.wav for the file\n")
    assert auricle("tag", "-tones.wav", model=False) == refused
    code, out, _ = auricle("tag", "./-tones.wav", "--json")
    assert code == 0 and objects(out)[0]["file"] == "./-tones.wav"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_its_help(auricle: Callable[..., tuple[int, str, str]], flag: str) -> None:
    code, out, err = auricle("tag", flag, model=False)
    assert (code, err) == (0, "") and out.startswith("Usage: ") and "auricle tag examples" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("embed", "tones.wav", "--out", "x.npy"), "--out is now -o/--output"),
        (("embed", "tones.wav", "--out=x.npy"), "--out is now -o/--output"),
        (("fit", ".", "--out", "x"), "--out is now -o/--output"),
        (("score", "tones", "suite.json", "--out", "x"), "--out is now -o/--output"),
        (("train", "msclap", "--out", "x"), "--out is now -o/--output"),
        (("convert", "x.pt", "--into", "x"), "--into is now -o/--output"),
        (("export", "x", "--into", "x"), "--into is now -o/--output"),
        (("index", "x", "--into", "x"), "--into is now --archive"),
        (("search", "rain", "--in", "x"), "--in is now --archive"),
        (("teach", "rain", "--in", "x"), "--in is now --archive"),
        (("archive", "--in", "x"), "--in is now --archive"),
        (("serve", "--in", "x"), "--in is now --archive"),
        (("listen", "tones.wav", "--top", "3"), "--top is now -k"),
        (("tag", "tones.wav", "--top", "3"), "--top is now -k"),
        (("classify", "tones.wav", "--labels", "a, b", "--top", "3"), "--top is now -k"),
        (("search", "rain", "--count", "3"), "--count is now -k"),
    ],
)
def test_a_renamed_option_names_the_new_one(auricle: Callable[..., tuple[int, str, str]], words: tuple[str, ...], message: str) -> None:
    assert auricle(*words, model=False) == (2, "", f"{message}\n")


def test_without_a_verb_there_is_the_help(auricle: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = auricle(model=False)
    assert (code, out) == (2, "") and err.startswith("Usage: ") and "classify" in err


def test_a_bad_model_is_one_line(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    for wrong in ("no-such", str(folder), str(folder / "tones.wav")):
        code, out, err = auricle("listen", "tones.wav", "--model", wrong, model=False)
        assert (code, out) == (1, "") and len(err.splitlines()) == 1 and wrong in err


def test_embed_writes_rows(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    assert auricle("embed", "tones.wav", "silence.flac", "--output", "x.npy")[0] == 0
    rows = np.load(folder / "x.npy")
    assert rows.shape == (2, DIM) and rows.dtype == np.float32
    code, out, _ = auricle("embed", "tones.wav", "text.wav", "silence.flac", "--json")
    told = objects(out)
    assert code == 1 and "error" in told[1] and "embedding" not in told[1]
    np.testing.assert_allclose([told[0]["embedding"], told[2]["embedding"]], rows, atol=1e-6)
    code, _, err = auricle("embed", "text.wav", "tones.wav", "--output", "y")
    rows = np.load(folder / "y")
    assert code == 1 and np.isnan(rows[0]).all() and np.isfinite(rows[1]).all() and err.splitlines()[-1] == "1 of 2 files had an error"


def test_html_writes_a_page(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    code, out, err = auricle("listen", "tones.wav", "missing.wav", "--html", "report.html", "--json")
    assert code == 1 and len(objects(out)) == 2 and "report: report.html" in err
    assert "data:image/png" in (folder / "report.html").read_text()


def test_doctor(auricle: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = auricle("doctor")
    assert (code, err) == (0, "") and "onnxruntime" in out and "all checks passed" in out
    code, out, err = auricle("doctor", "--model", "no-such", model=False)
    assert code == 1 and "fault" in out and "no-such" in out
    (facts,) = objects(auricle("doctor", "--json")[1])
    assert (
        list(facts) == ["installed", "optional", "model", "sounds", "faults"]
        and facts["faults"] == []
        and "onnxruntime" in facts["installed"]
    )
    code, out, err = auricle("doctor", "no-such", "--json", model=False)
    assert code == 1 and "no-such" in objects(out)[0]["faults"][0] and objects(out)[0]["model"] == {}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--device", "cuda", "--runtime", "onnx"), 2, "device 'cuda' is for engines of torch, and onnx runs on the CPU"),
        (("--device", "cuda"), 1, "has graphs but no weights, and graphs run on the CPU"),
        (("--device", "cpu"), 0, ""),
    ],
)
def test_a_device_that_the_engine_has_not_is_refused(
    auricle: Callable[..., tuple[int, str, str]], words: tuple[str, ...], code: int, message: str
) -> None:
    done = auricle("tag", "tones.wav", *words)
    assert done[0] == code and message in done[2] and len(done[2].splitlines()) == bool(code)


def test_models(auricle: Callable[..., tuple[int, str, str]]) -> None:
    from auricle.runtime import catalog

    code, out, err = auricle("models", model=False)
    assert all(name in out for name in catalog.shipped())
    assert code == (0 if catalog.shipped() else 1) and bool(err) == bool(code)
    assert len(objects(auricle("models", "--json", model=False)[1])) == len(catalog.shipped()) + len(catalog.converted())


def test_version(auricle: Callable[..., tuple[int, str, str]]) -> None:
    import auricle as package

    assert auricle("--version", model=False)[:2] == (0, package.__version__ + "\n")


def started(*words: str, **settings: Any) -> subprocess.Popen[str]:
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}  # the tests also run where auricle is not installed
    return subprocess.Popen([sys.executable, "-m", "auricle", *words], text=True, stderr=subprocess.PIPE, env=here, **settings)


def test_a_closed_pipe_is_no_error(folder: Path, tone_folder: Path) -> None:
    files = ["tones.wav"] * 1000
    running = started("listen", *files, "--json", "--model", str(tone_folder), cwd=folder, stdout=subprocess.PIPE)
    assert running.stdout is not None and running.stderr is not None
    assert json.loads(running.stdout.readline())
    running.stdout.close()
    assert running.wait(timeout=60) != 0
    assert running.stderr.read() == ""


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_interrupt_is_one_line_and_quick(folder: Path, tone_folder: Path) -> None:
    soundfile.write(folder / "long.wav", np.tile(tone("low tone", 60), 10), 16_000, subtype="PCM_U8")
    words = ("listen", "tones.wav", *["long.wav"] * 20, "--json", "--model", str(tone_folder))
    running = started(*words, cwd=folder, stdout=subprocess.PIPE)
    assert running.stdout is not None and running.stderr is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert running.wait(timeout=60) == 130
    told = running.stderr.read()
    assert time.monotonic() - began < 10 and told.startswith("stopped; ") and len(told.splitlines()) == 1
    running.stdout.close()


def test_lines_come_as_files_are_done(folder: Path, tone_folder: Path) -> None:
    soundfile.write(folder / "long.wav", np.tile(tone("low tone", 60), 10), 16_000, subtype="PCM_U8")
    words = ("listen", "tones.wav", *["long.wav"] * 50, "--json", "--model", str(tone_folder))
    running = started(*words, cwd=folder, stdout=subprocess.PIPE)
    assert running.stdout is not None
    assert json.loads(running.stdout.readline())["file"] == "tones.wav"
    assert running.poll() is None
    running.kill()
    running.communicate()


def test_an_archive_is_made_searched_and_told_about(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    pytest.importorskip("lancedb")
    code, out, err = auricle("index", ".", "--archive", "a", "--json")
    assert code == 1 and objects(out)[0]["new"] == 4 and "text.wav" in err and "2 of 4 files had an error" in err
    code, out, err = auricle("archive", "--archive", "a", "--json", model=False)
    assert code == 0 and objects(out)[0]["files"] == 3 and objects(out)[0]["failed"] == 1
    code, out, err = auricle("archive", "--archive", "a", "--remove-missing", "", model=False)
    assert code == 2 and "--remove-missing is empty" in err
    code, out, err = auricle("search", "low tone", "--archive", "a", "--json", "-k", "1")
    assert code == 0 and Path(objects(out)[0]["file"]).name == "tones.wav" and objects(out)[0]["score"] > 0.9
    code, out, err = auricle("search", "low tone", "--archive", "a", "--export", "hits.csv", "--html", "hits.html")
    assert code == 0 and "tones.wav" in out and (folder / "hits.csv").exists() and (folder / "hits.html").exists()
    code, out, err = auricle("search", "low tone", "--archive", "a", "--export", "hits.xls")
    assert (code, out) == (2, "") and "wanted a file name with suffix .csv" in err
    code, out, err = auricle("search", "low tone", "--archive", "a", "--export", "none/hits.csv")
    assert (code, out) == (1, "") and err.startswith("none/hits.csv: ")
    code, out, err = auricle("index", ".", "--archive", "a", "--hop", "2")
    assert code == 2 and "--window and --hop are for a new archive" in err
    code, out, err = auricle("search", "low tone", "--archive", "absent")
    assert code == 1 and "is not an archive; name one with --archive" in err


def test_an_archive_is_taught_and_finds(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    pytest.importorskip("lancedb")
    auricle("index", ".", "--archive", "a", "--json")
    code, out, err = auricle("teach", "hum", "--yes", "tones.wav@1-3", "--no", "tones.wav@3-4", "--archive", "a", "--json")
    assert err == ""
    (told,) = objects(out)
    assert (code, err) == (0, "") and (told["name"], told["version"], told["yes"], told["no"]) == ("hum", 1, 1, 1)
    assert list(told) == ["name", "version", "yes", "no", "proposals"]
    assert all(list(proposal) == ["file", "onset", "offset", "score", "why"] for proposal in told["proposals"])
    code, out, err = auricle("teach", "hum", "--archive", "a", "--propose", "2")
    assert code == 0 and "hum: version 1, 1 yes, 1 no" in out
    code, out, err = auricle("search", "--taught", "hum", "--archive", "a", "--json", "-k", "1", "--export", "hits.csv")
    assert code == 0 and objects(out)[0]["file"].endswith("tones.wav") and (folder / "hits.csv").exists()
    code, out, err = auricle("search", "high tone", "--taught", "hum@1", "--archive", "a", "--json")
    assert code == 0 and objects(out)
    code, out, err = auricle("search", "--taught", "siren", "--archive", "a")
    assert code == 2 and "siren: was not taught to a; known: hum" in err


def test_heads_are_fitted_and_used(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    for kind, label in (("hum", "low tone"), ("pipe", "high tone")):
        (folder / "classes" / kind).mkdir(parents=True)
        for number in range(3):
            soundfile.write(folder / "classes" / kind / f"{number}.wav", (0.2 + 0.1 * number) * tone(label, 2), 16_000)
    code, out, err = auricle("fit", "classes", "--output", "my.head")
    assert (code, err) == (0, "") and "hum" in out and "accuracy 100% (61% to 100%)" in out
    (report,) = objects(auricle("fit", "classes", "-o", "my.head", "--json")[1])
    assert list(report) == ["labels", "mean_average_precision", "accuracy", "failed"]
    assert list(report["labels"][0]) == ["label", "examples", "average_precision"] and list(report["accuracy"]) == ["value", "low", "high"]
    code, out, err = auricle("tag", "classes/pipe/0.wav", "--head", "my.head", "--json")
    assert code == 0 and {label["label"]: label["present"] for label in objects(out)[0]["labels"]} == {"hum": False, "pipe": True}
    code, out, err = auricle("tag", "tones.wav", "--head", "text.wav")
    assert code == 1 and "text.wav: is not a heads file" in err


def test_files_are_classified_by_names(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    code, out, err = auricle("classify", "tones.wav", "silence.flac", "--labels", "low tone, high tone, dog")
    assert (code, err) == (0, "")
    assert "low tone" in out and "dog" in out and "  silent" in out and "present" not in out
    code, out, _ = auricle("classify", "tones.wav", "--labels", "deep hum", "--any", "--prompt", "the {label}")
    assert code == 0 and "deep hum" in out and "present" in out


def test_classify_json_is_the_documented_object(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    files = ["tones.wav", "text.wav", "silence.flac", "cut.wav"]
    code, out, err = auricle("classify", *files, "--labels", "low tone, high tone", "--labels", "dog", "--rule", "max", "--json")
    told = objects(out)
    assert code == 1 and [one["file"] for one in told] == files and err.splitlines()[-1] == "2 of 4 files had an error"
    assert list(told[0]) == ["version", "file", "asked", "duration", "coverage", "silent", "labels", "band"]
    assert told[0]["asked"] == {"question": "one", "wording": "bare", "rule": "max", "calibration": "model"}
    assert len(told[0]["labels"]) == 3 and sum(label["score"] for label in told[0]["labels"]) == pytest.approx(1, abs=1e-3)
    assert [bool(one["labels"]) for one in told] == [True, False, False, True] and ["error" in one for one in told] == [
        False,
        True,
        False,
        True,
    ]
    (first,) = objects(auricle("classify", "tones.wav", "--labels", "low tone, dog", "-k", "1", "--json")[1])
    assert len(first["labels"]) == 1 and first["labels"][0]["present"]


@pytest.mark.parametrize("verb", ["listen", "classify"])
def test_labels_with_commas_and_labels_of_a_file(auricle: Callable[..., tuple[int, str, str]], folder: Path, verb: str) -> None:
    (folder / "labels.txt").write_text('deep, low tone\n\nhigh "tone"\n')
    asked = ("--labels", 'dog, "deep, hum"', "--labels", "rain, bark", "--labels", "@labels.txt", "--json")
    (told,) = objects(auricle(verb, "tones.wav", *asked)[1])
    assert {one["label"] for one in told["labels"]} == {"dog", "deep, hum", "rain", "bark", "deep, low tone", 'high "tone"'}
    (told,) = objects(auricle(verb, "tones.wav", "--labels", "Vehicle horn, car horn, honking", "--labels", "dog, rain", "--json")[1])
    assert {one["label"] for one in told["labels"]} == {"dog", "rain"} and told["unread"] == ["Vehicle horn, car horn, honking"]
    (told,) = objects(auricle(verb, "tones.wav", "--label", "deep, hum", "--label", '"dog"', "--label", "@rain", "--json")[1])
    assert {one["label"] for one in told["labels"]} == {"deep, hum", '"dog"', "@rain"}
    (told,) = objects(auricle(verb, "tones.wav", "--labels", "dog, rain", "--label", "deep, hum", "--json")[1])
    assert {one["label"] for one in told["labels"]} == {"dog", "rain", "deep, hum"}
    code, out, err = auricle(verb, "tones.wav", "--label", " ")
    assert (code, out, err) == (2, "", '--label is empty; wanted one label, such as "crying child"\n')
    (folder / "empty.txt").write_text(" \n")
    for wrong in ("@missing.txt", "@empty.txt", "@tones.wav"):
        code, out, err = auricle(verb, "tones.wav", "--labels", wrong)
        assert (code, out) == (2, "") and wrong[1:] in err and len(err.splitlines()) == 1


def test_classify_takes_banks_attributes_and_scales(auricle: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    (folder / "bank.json").write_text(json.dumps({"hum": ["a deep hum", "low hum"], "dog": ["dog barking"]}))
    (folder / "attributes.json").write_text(json.dumps({"rain": {"deep": -1}}))
    (folder / "scale.json").write_text(json.dumps({"question": "any", "scale": 3.0, "bias": -1.0}))
    words = ("classify", "tones.wav", "--bank", "bank.json", "--attributes", "attributes.json", "--scale", "scale.json", "--any", "--json")
    (told,) = objects(auricle(*words)[1])
    assert {label["label"] for label in told["labels"]} == {"hum", "dog", "rain"}
    assert told["asked"] == {"question": "any", "wording": "bare + bank + attributes", "rule": "max", "calibration": "fitted"}


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--labels", "dog"),
        ("--labels", "dog,,cat"),
        ("--labels", "dog, dog"),
        ("--labels", "dog, rain", "--prompt", "nonsense"),
        ("--labels", "dog, rain", "--bank", "none.json"),
        ("--labels", "dog, rain", "--attributes", "tones.wav"),
        ("--labels", "dog, rain", "--scale", "tones.wav"),
        ("--labels", "dog, rain", "-k", "0"),
    ],
)
def test_wrong_arguments_of_classify_are_one_line(auricle: Callable[..., tuple[int, str, str]], words: tuple[str, ...]) -> None:
    code, out, err = auricle("classify", "tones.wav", *words)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
