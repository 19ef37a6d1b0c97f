from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.core.errors import InputError
from auricle.data import corpora, licences
from recipes.synthetic import __main__ as command
from recipes.synthetic import build
from recipes.synthetic.kinds import KINDS

COUNTS = {"tone": 2, "clock": 1}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: soundfile.read(path)[0].tobytes() for path in sorted((folder / "synthetic" / "audio").iterdir())}


def test_a_corpus_that_is_read_like_any_other(tmp_path: Path) -> None:
    assert build.build(tmp_path, COUNTS) == 3
    rows = corpora.read(tmp_path)
    assert [row.path.name for row in rows] == ["clock-00000.ogg", "tone-00000.ogg", "tone-00001.ogg"]
    for row in rows:
        info = soundfile.info(row.path)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (16000, 1, "OGG", "VORBIS")
        assert info.duration == pytest.approx(row.duration, abs=1e-3) and 4.0 <= row.duration <= 10.0
        assert row.corpus == "synthetic" and row.extra.startswith("synthetic;generator=recipes.synthetic 1;kind=")
        assert licences.is_trainable(row) and not licences.is_testable(row.corpus)
    assert rows[0].labels == ("clock tick",) and rows[1].labels[0] == "tone"
    assert "| CC0 1.0 | auricle | 3 |" in (tmp_path / "synthetic" / "ATTRIBUTION.md").read_text()


def test_finished_clips_stay_and_a_larger_count_adds_to_them(tmp_path: Path) -> None:
    build.build(tmp_path, COUNTS)
    first, kept = contents(tmp_path), tmp_path / "synthetic" / "audio" / "tone-00000.ogg"
    written = kept.stat().st_mtime_ns
    assert build.build(tmp_path, {"tone": 3}) == 1 and build.build(tmp_path, {"tone": 3}) == 0
    assert kept.stat().st_mtime_ns == written and len(corpora.read(tmp_path)) == 4
    kept.unlink()
    assert build.build(tmp_path, COUNTS) == 1
    assert {name: content for name, content in contents(tmp_path).items() if name in first} == first


def test_two_processes_make_the_same_clips(tmp_path: Path) -> None:
    build.build(tmp_path / "one", COUNTS, seed=3)
    build.build(tmp_path / "two", COUNTS, seed=3, processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert (tmp_path / "one/synthetic/clips.csv").read_text() == (tmp_path / "two/synthetic/clips.csv").read_text()


def test_an_interrupted_run_keeps_its_finished_clips(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build.build(tmp_path, {"click": 4}, progress=stop)
    assert len(corpora.read(tmp_path)) == 2 and build.build(tmp_path, {"click": 4}) == 2


def test_the_table_is_written_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_SAVE_EVERY", 0.0)
    rows: list[int] = []
    build.build(tmp_path, {"click": 3}, progress=lambda done, total: rows.append(len(corpora.read(tmp_path))))
    assert rows == [1, 2, 3]


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.build(tmp_path, {"click": 1})
    with pytest.raises(InputError, match=r"click-00000\.ogg was not made by recipes\.synthetic 1 with seed 2; wanted clips of one"):
        build.build(tmp_path, {"click": 1}, seed=2)
    (tmp_path / "other" / "synthetic").mkdir(parents=True)
    (tmp_path / "other" / "synthetic" / "clips.csv").write_text("filename,label\nx.ogg,dog\n")
    with pytest.raises(InputError, match=r"has columns .*choose another folder"):
        build.build(tmp_path / "other", {"click": 1})
    with pytest.raises(InputError, match="kind 'klick' is unknown; wanted some of band, solo"):
        build.build(tmp_path, {"klick": 1})
    with pytest.raises(InputError, match="count is 0"):
        build.build(tmp_path, {"click": 0})
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="fluidsynth is not installed"):
        build.build(tmp_path, {"band": 1})


def test_recorded_ambience_gives_its_labels_licence_and_author(tmp_path: Path) -> None:
    ambience = tmp_path / "data" / "ambience"
    (ambience / "audio").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["filename,label,target,fold,source_id,licence,author,source_url,duration_s,sample_rate,channels,extra"]
    for number in range(12):
        soundfile.write(ambience / f"audio/{number}.flac", 0.1 * rng.standard_normal(48000), 16000)
        lines.append(f"audio/{number}.flac,rain,,{number % 4 + 1},r{number},CC BY 3.0,Ann,,3.0,16000,1,")
    lines.append("audio/0.flac,wind,,1,w,CC BY-SA,Bob,,3.0,16000,1,")  # may not train
    (ambience / "clips.csv").write_text("\n".join(lines) + "\n")
    assert len(build.load_backgrounds(tmp_path / "data")) == 12
    build.build(tmp_path / "out", {"knock": 40}, data=tmp_path / "data")
    over = [row for row in corpora.read(tmp_path / "out", ["synthetic"]) if "ambience=ambience/" in row.extra]
    assert over
    for row in over:
        assert row.labels[-1] == "rain" and row.licence == "CC0 1.0, ambience CC BY 3.0" and row.author == "auricle, Ann"
        assert licences.is_trainable(row)
        background = int(row.extra.partition("ambience=ambience/")[2].partition(".flac")[0])
        assert corpora.clip_table.fold(row) == background % 4 + 1
    (ambience / "clips.csv").write_text("\n".join([lines[0], lines[-1]]) + "\n")
    build.load_backgrounds.cache_clear()
    with pytest.raises(InputError, match="has no ambience that can be used"):
        build.load_backgrounds(tmp_path / "data")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["synthetic", "--out", str(tmp_path), *arguments])
        command.main()

    monkeypatch.setattr(command, "_REPORT_EVERY", 0.0)
    run("--only", "tone", "beep", "--count", "1")
    printed = capsys.readouterr().out
    assert "1/2 clips" in printed and "made 2 clips in" in printed
    with pytest.raises(SystemExit, match="was not made by"):
        run("--only", "tone", "--count", "1", "--seed", "1")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit, match="is not installed"):
        run("--count", "1")
    shutil.rmtree(tmp_path / "synthetic")
    assert [name for name, kind in KINDS.items() if kind.slow] == ["speech-kokoro"]
