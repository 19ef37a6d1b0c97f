"""Each corpus, from a small made tree in the layout that its makers publish."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.core.errors import InputError
from auricle.data import corpora
from auricle.data.corpora import assembled, gm_instruments
from auricle.data.corpora.clip_table import Row, fold
from auricle.data.licences import is_open, is_trainable
from recipes import prepare


def sound(path: Path, *, seconds: float = 0.2, rate: int = 44100, channels: int = 1) -> Path:
    """A tone, so that what is read back can be told from silence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.4 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), rate)
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def laid_out(name: str, download: Path, out: Path) -> dict[str, Row]:
    """Rows by file name after preparing, every one of them readable."""
    count, failures = prepare.prepare(name, download, out)
    rows = corpora.read(out, [name])
    assert failures == [] and count == len(rows)
    for row in rows:
        information = soundfile.info(row.path)
        assert (information.samplerate, information.channels) == (row.rate, row.channels)
        assert information.duration == pytest.approx(row.duration, abs=0.001)
    assert (out / corpora.CORPORA[name].folder / "ATTRIBUTION.md").is_file()
    return {row.path.name: row for row in rows}


def test_esc50(tmp_path: Path) -> None:
    root = tmp_path / "download" / "ESC-50"
    text(
        root / "meta" / "esc50.csv",
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
        "3-4211-B-20.wav,3,20,crying_baby,False,4211,B\n"
        "5-9032-A-0.wav,5,0,dog,True,9032,A\n",
    )
    text(
        root / "LICENSE",
        "101 - Dog:\n"
        "- [1-100032-A.ogg]: clip derived from rose (1).wav (http://www.freesound.org/people/n/sounds/100032/) by n f [CC0]\n"
        "- [3-4211-B.ogg]: clip derived from somewhere by someone [CC-BY-NC]\n"
        "- [5-9032-A.ogg]:  clip derived from bark (http://www.freesound.org/people/M/sounds/9032/) by M [CC0]\n",
    )
    for name in ("1-100032-A-0", "3-4211-B-20", "5-9032-A-0"):
        sound(root / "audio" / f"{name}.wav", seconds=5.0)
    rows = laid_out("esc50", tmp_path / "download", tmp_path / "out")
    assert sorted(rows) == ["1-100032-A-0.ogg", "3-4211-B-20.ogg"]  # fold 5 is never laid out
    dog, baby = rows["1-100032-A-0.ogg"], rows["3-4211-B-20.ogg"]
    assert (dog.author, dog.url, dog.licence) == ("n f", "http://www.freesound.org/people/n/sounds/100032/", "CC0")
    assert (dog.rate, dog.duration, dog.target, fold(dog), dog.source) == (16000, 5.0, 0, 1, "100032")
    assert (baby.labels, baby.licence, is_trainable(baby)) == (("crying baby",), "CC-BY-NC", False)
    samples, _ = soundfile.read(dog.path)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.4 / np.sqrt(2), rel=0.02)


def test_kenney(tmp_path: Path) -> None:
    sound(tmp_path / "d" / "kenney-interface-sounds" / "addons" / "kenney_interface_sounds" / "glass_001.wav", channels=2)
    sound(tmp_path / "d" / "kenney-ui-audio" / "addons" / "kenney_ui_audio" / "switch12.wav")
    rows = laid_out("kenney", tmp_path / "d", tmp_path / "out")
    assert [(row.label, row.labels, row.rate, row.channels) for row in rows.values()] == [
        ("glass", (), 32000, 1),
        ("switch", ("interface sound",), 32000, 1),
    ]


def test_opensfx(tmp_path: Path) -> None:
    text(
        tmp_path / "d" / "src" / "opensfx.psfo",
        '// "file name" internal name\n'
        '"src/wav/osfx_24.wav" "Helicopter". Original by "l". License: Creative Commons Attribution-ShareAlike 3.0 Unported.\n'
        '"src/wav/osfx_34.wav" "Unused/Nothing". Trivial empty sound file. License: Creative Commons Zero 1.0.\n'
        '"src/wav/osfx_37.wav" "Cow". Original "Cow - Moan 2.wav" by "J". License: Creative Commons Zero 1.0.\n',
    )
    sound(tmp_path / "d" / "src" / "wav" / "osfx_24.wav", rate=22050)
    sound(tmp_path / "d" / "src" / "wav" / "osfx_37.wav", rate=48000)
    rows = laid_out("opensfx", tmp_path / "d", tmp_path / "out")
    helicopter, cow = rows["osfx_24.flac"], rows["osfx_37.flac"]
    assert (helicopter.rate, is_trainable(helicopter)) == (22050, False)
    assert (cow.rate, is_trainable(cow), cow.author) == (32000, True, '"Cow". Original "Cow - Moan 2.wav" by "J".')


def test_ambience(tmp_path: Path) -> None:
    text(
        tmp_path / "d" / "SOUNDS_LICENSING.md",
        "| Sound | Author | Editor* | License\n"
        "| [Coffee Shop](https://soundbible.com/1664.html) | stephan | - | Public Domain\n"
        "| [Waves](https://freesound.org/people/Luftrum/sounds/48412/) | Luftrum | P | CC BY\n",
    )
    sounds = tmp_path / "d" / "data" / "resources" / "sounds"
    for name, seconds in (("coffee-shop", 16.0), ("waves", 25.0)):
        sound(sounds / f"{name}.ogg", seconds=seconds, rate=8000, channels=2)
    rows = laid_out("ambience", tmp_path / "d", tmp_path / "out")
    assert {name: (row.duration, row.licence) for name, row in rows.items()} == {
        "coffee-shop_0.flac": (10.0, "Public Domain"),
        "waves_0.flac": (10.0, "CC BY"),
        "waves_1.flac": (10.0, "CC BY"),
    }
    assert rows["waves_0.flac"].source == rows["waves_1.flac"].source


def test_sonicpi(tmp_path: Path) -> None:
    folder = tmp_path / "d" / "etc" / "samples"
    text(folder / "README.md", "* :bd_gas  - http://freesound.org/people/menegass/sounds/89460/\n")
    for name, seconds in (("bd_gas", 0.2), ("drum_tom_hi_hard", 0.2), ("arovane_beat_a", 13.0)):
        sound(folder / f"{name}.flac", seconds=seconds, channels=2)
    rows = laid_out("sonicpi", tmp_path / "d", tmp_path / "out")
    assert rows["bd_gas.flac"].url.endswith("/89460/") and rows["bd_gas.flac"].label == "bass_drum"
    assert rows["drum_tom_hi_hard.flac"].label == "tom"
    assert (rows["arovane_beat_a.flac"].duration, rows["arovane_beat_a.flac"].author) == (12.0, "Uwe Zahn (Arovane)")


def test_librosa_examples(tmp_path: Path) -> None:
    from auricle.data.corpora.librosa_examples import PIECES

    for stem in PIECES:
        sound(tmp_path / "d" / "audio" / f"{stem}.ogg", rate=22050)
        text(tmp_path / "d" / "audio" / f"{stem}.txt", "Somebody's piece\nFrom https://a.org/1\nCC-BY https://c.org/by/3.0/\n")
    rows = laid_out("librosa_examples", tmp_path / "d", tmp_path / "out")
    assert len(rows) == 10 and all(is_trainable(row) for row in rows.values())
    assert rows["robin.ogg"].url == "https://a.org/1; https://c.org/by/3.0/"
    original = tmp_path / "d" / "audio" / "198-209-0000.ogg"
    assert rows["libri3.ogg"].path.read_bytes() == original.read_bytes()


def test_speech_text(tmp_path: Path) -> None:
    folder = tmp_path / "d" / "pocketsphinx" / "test" / "data" / "librivox"
    sound(folder / "sense_01_austen_64kb-0880.wav", rate=16000)
    text(folder / "transcription", "<s> he was not an ill man </s> (sense_01_austen_64kb-0880)\n")
    sound(tmp_path / "d" / "whisper" / "tests" / "jfk.flac")
    rows = laid_out("speech_text", tmp_path / "d", tmp_path / "out")
    spoken = rows["sense_01_austen_64kb-0880.flac"]
    assert (spoken.extra, spoken.source, spoken.rate) == ("text=he was not an ill man", "sense_01", 16000)
    assert rows["jfk.flac"].rate == 32000 and all(is_trainable(row) for row in rows.values())


def test_wakewords(tmp_path: Path) -> None:
    from auricle.data.corpora.wakewords import FOLDERS

    named = []
    for folder in FOLDERS:
        for number in range(26):
            name = f"{folder.replace('/', '-')}-{number:02}.wav"
            sound(tmp_path / "d" / folder / name, seconds=0.05, rate=16000)
            if number:
                named.append(f"{folder}/{name}" if number % 2 else name)
    text(tmp_path / "d" / "licenses" / "license-20190813-el-tocino.txt", "I waive.\n\nFiles:\n" + "\n".join(named))
    rows = laid_out("wakewords", tmp_path / "d", tmp_path / "out")
    assert len(rows) == 6 * 24 + 2 * 25
    assert "amelia-en-00.flac" not in rows and rows["amelia-en-01.flac"].source == "el-tocino"


def test_corpora_for_tests_only(tmp_path: Path) -> None:
    for name in ("0_george_4", "7_theo_19", "7_theo_20"):
        sound(tmp_path / "fsdd" / "recordings" / f"{name}.wav", rate=8000)
    digits = laid_out("fsdd", tmp_path / "fsdd", tmp_path / "out")
    assert {name: (row.label, row.fold) for name, row in digits.items()} == {
        "0_george_4.flac": ("zero", "test"),
        "7_theo_19.flac": ("seven", "train"),
    }
    sound(tmp_path / "game" / "mods" / "default" / "sounds" / "default_snow_footstep.2.ogg")
    steps = laid_out("minetest", tmp_path / "game", tmp_path / "out")
    assert steps["default__default_snow_footstep.2.ogg"].label == "default_snow_footstep"
    phone = "549a46d8-9c84-430e-ade8-97eae2bef787"
    cries = tmp_path / "cry" / "donateacry_corpus_cleaned_and_updated_data" / "belly_pain"
    for number in range(26):
        sound(cries / f"{phone}-14301307721{number:02}-1.7-m-48-bp.wav", rate=8000, seconds=0.05)
    babies = laid_out("donateacry", tmp_path / "cry", tmp_path / "out")
    assert len(babies) == 24 and babies["belly_pain_01.flac"].source == phone
    assert babies["belly_pain_01.flac"].extra.startswith("gender=m;age=48;reason=bp;")
    assert not any(is_trainable(row) for rows in (digits, steps, babies) for row in rows.values())


def test_one_clone_of_an_assembled_corpus(tmp_path: Path) -> None:
    clone = tmp_path / "d" / "openclonk" / "planet" / "Sound.ocg"
    for part in assembled._parts()["openclonk"]:
        for name in (name for group in part["groups"] for pattern in group["files"] for name in assembled._expand(pattern)):
            sound(clone / name, seconds=0.05, rate=8000)
    chop = clone / "Environment.ocg" / "Tree.ocg" / "Chop2.wav"
    wave = np.concatenate([np.zeros(8000), np.full(16000, 0.01), np.zeros(8000)])
    soundfile.write(chop, np.stack([wave, wave], axis=1), 32000, subtype="FLOAT")
    rows = laid_out("openclonk", tmp_path / "d", tmp_path / "out")
    row = next(row for row in rows.values() if row.url.endswith(chop.relative_to(clone.parents[1]).as_posix()))
    assert len(rows) == 354 and (row.label, row.source, row.licence) == ("chopping wood", "23700", "CC-BY-3.0")
    samples, rate = soundfile.read(row.path)
    assert (rate, len(samples)) == (16000, pytest.approx(16000 * 0.6, abs=160)) and np.abs(samples).max() == pytest.approx(0.1, abs=0.02)


def test_an_assembled_corpus_says_which_clones_it_lacks(tmp_path: Path) -> None:
    sound(tmp_path / "d" / "drums" / "DRUMS" / "pearl-master-studio" / "samples" / "hihat-closed.wav")
    with pytest.raises(InputError, match=r"lacks github\.com/sfzinstruments/Discord-SFZ-GM-Bank; wanted a folder with a clone"):
        prepare.prepare("discord_gm", tmp_path / "d", tmp_path / "out")
    with pytest.raises(InputError, match=r"lacks .*adafruit/Adafruit-Sound-Samples, .* Debian package naev-data"):
        prepare.prepare("open_misc", tmp_path / "d", tmp_path / "out")
    assert not (tmp_path / "out" / "discord_gm").exists()


def test_every_file_of_an_assembled_corpus_is_named_once() -> None:
    for corpus, parts in assembled._parts().items():
        assert corpora.CORPORA[corpus].folder == corpus
        for part in parts:
            names = [name for group in part["groups"] for pattern in group["files"] for name in assembled._expand(pattern)]
            assert len(names) == len(set(names))
            for licence in {group.get("licence", part["licence"]) for group in part["groups"]}:
                assert is_open(licence) == (corpus != "test_copyleft")
    assert assembled._expand("a/b_{1,03-05}.wav") == ["a/b_1.wav", "a/b_03.wav", "a/b_04.wav", "a/b_05.wav"]


def test_instruments_are_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    font = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="musescore-general-soundfont-small"):
        prepare.prepare("gm_instruments", tmp_path / "d", tmp_path / "out")
    if shutil.which("fluidsynth") is None or not font.is_file():
        pytest.skip("fluidsynth or a sound font is not installed (Debian: fluidsynth, fluid-soundfont-gm)")
    (tmp_path / "d" / "MuseScore_General.sf2").symlink_to(font)
    monkeypatch.setattr(gm_instruments, "PROGRAMS", gm_instruments.PROGRAMS[:1])
    monkeypatch.setattr(gm_instruments, "DRUMS", gm_instruments.DRUMS[:1])
    rows = laid_out("gm_instruments", tmp_path / "d", tmp_path / "out")
    assert [(row.label, row.source, row.rendered) for row in rows.values()] == [
        *[("acoustic grand piano", "gm/000", True)] * 2,
        *[("bass drum", "gm/drum-35", True)] * 2,
    ]
    tune = rows["gm-000-0.flac"]
    samples, rate = soundfile.read(tune.path)
    spectrum = np.abs(np.fft.rfft(samples[: int(0.5 * rate)]))
    harmonic = spectrum.argmax() / 0.5 / (440 * 2 ** (-21 / 12))  # of key 48
    assert 2.0 < tune.duration <= 3.0 and harmonic == pytest.approx(round(harmonic), abs=0.03)


def test_text(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        text(
            tmp_path / "d" / "audiocaps" / "dataset" / f"{part}.csv",
            "audiocap_id,youtube_id,start_time,caption\n1,a,2,A dog barks\n",
        )
    text(tmp_path / "d" / "audioset" / "metadata" / "class_labels_indices.csv", "index,mid,display_name\n")
    assert prepare.prepare("text", tmp_path / "d", tmp_path / "out") == (4, [])
    assert (tmp_path / "out" / "text" / "audiocaps" / "val.csv").is_file()
    assert (tmp_path / "out" / "text" / "audioset_class_labels_indices.csv").is_file()


def test_a_bad_file_is_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    sound(tmp_path / "d" / "recordings" / "0_george_4.wav", rate=8000)
    text(tmp_path / "d" / "recordings" / "1_george_4.wav", "not a sound")
    monkeypatch.setattr(sys, "argv", ["prepare", "fsdd", str(tmp_path / "d"), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stop:
        prepare.main()
    shown = capsys.readouterr()
    assert stop.value.code == 1
    assert "1_george_4.wav" in shown.err and "fsdd: 1 clips" in shown.out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["fsdd_8k"]


def test_says_what_it_wanted(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="unknown; wanted one of esc50"):
        prepare.prepare("esc51", tmp_path / "d", tmp_path / "out")
    with pytest.raises(InputError, match=r"made, not downloaded; run `python -m recipes\.synthetic --out"):
        prepare.prepare("synthetic", tmp_path / "d", tmp_path / "out")
    with pytest.raises(InputError, match="not a folder"):
        prepare.prepare("esc50", tmp_path / "none", tmp_path / "out")
    with pytest.raises(InputError, match=r"a clone of .*ESC-50"):
        prepare.prepare("esc50", tmp_path / "d", tmp_path / "out")
    (tmp_path / "out" / "fsdd_8k").mkdir()
    with pytest.raises(InputError, match="already exists"):
        prepare.prepare("fsdd", tmp_path / "d", tmp_path / "out")
