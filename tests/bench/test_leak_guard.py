"""What was trained on is found by name and by sound, what was not is left alone, and what cannot be known is said."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from pathlib import Path

import made_sounds
import numpy as np
import pytest
import soundfile
from made_sounds import bursts, chord

from auricle.bench import leak_guard, lineage
from auricle.bench import suite as suites
from auricle.bench.card import read_clips
from auricle.bench.embeddings import ClipEmbeddings, embed_items
from auricle.bench.lineage import Clip, Lineage
from auricle.bench.score import Result, score
from auricle.bench.sounds import fingerprint_items
from auricle.bench.suite import Suite
from auricle.core.errors import ModelError
from auricle.core.model_files import fingerprint
from auricle.data import corpora, manifest
from auricle.data.item import Item
from auricle.listen.listener import Listener, load

SUITE = Suite(format=1, name="made", about="", protocol="zero_shot", metrics=("accuracy",), draws=50)
DRAW = {"low": (0.3, 0.0, 0.0), "high": (0.0, 0.0, 0.3), "low and high": (0.3, 0.0, 0.3)}


@pytest.fixture
def heard(tmp_path: Path) -> list[Item]:
    """What the model says that it was trained on."""
    folder = tmp_path / "heard"
    folder.mkdir()
    return [
        made_sounds.item(folder, name.replace(" ", "-"), chord(levels), "low tone", corpus="school", site="freesound", source=f"10{place}")
        for place, (name, levels) in enumerate(DRAW.items())
    ]


@pytest.fixture
def unheard(tmp_path: Path) -> list[Item]:
    """Other sounds: the middle tone in all of them."""
    folder = tmp_path / "unheard"
    folder.mkdir()
    return [
        made_sounds.item(folder, f"new{place}", chord((low, 0.3, high)), label)
        for place, (low, high, label) in enumerate([(0.0, 0.0, "middle tone"), (0.001, 0.0, "middle tone"), (0.0, 0.001, "high tone")])
    ]


@pytest.fixture
def listener(tone_folder: Path, tmp_path: Path, heard: list[Item]) -> Listener:
    return made_sounds.taught(tone_folder, tmp_path / "model", heard)


def marks(result: Result) -> dict[tuple[str, str], int]:
    return {(mark["level"], mark["source"]): mark["n"] for mark in result.summary["leaked"]}


def test_clean_clips_are_scored_without_a_mark(listener: Listener, unheard: list[Item]) -> None:
    assert score(listener, SUITE, unheard).summary["leaked"] == []


def test_the_clips_themselves_are_refused_before_anything_is_heard(
    listener: Listener, heard: list[Item], unheard: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auricle.bench.score.embed_items", lambda *given, **more: pytest.fail("heard"))
    with pytest.raises(leak_guard.LeakedError, match=r"3 of 6 clips \(3 school\): low \(is school/low.wav\)") as refused:
        score(listener, SUITE, [*unheard, *heard])
    assert {leak.item for leak in refused.value.leaks} == {item.id for item in heard}


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "clip"),
        ({"source": "other"}, "clip"),  # the same file of the same corpus
        ({"audio": Path("/other/x.wav")}, "clip"),  # another clip of the same recording
        ({"audio": Path("/other/x.wav"), "corpus": "university"}, "clip"),  # the site's own number of the recording
        ({"audio": Path("/other/x.wav"), "source": "999"}, "corpus"),
        ({"audio": Path("/other/x.wav"), "source": "999", "corpus": "university"}, "source"),
        ({"audio": Path("/other/x.wav"), "source": "999", "corpus": "university", "site": "youtube"}, None),
        ({"audio": Path("/other/x.wav"), "source": "", "corpus": "", "site": ""}, None),
    ],
)
def test_names_tell_the_gravest_level(heard: list[Item], listener: Listener, changes: dict[str, object], level: str | None) -> None:
    item = dataclasses.replace(heard[0], **changes)  # type: ignore[arg-type]
    found = leak_guard.find_by_name([item], lineage.read_lineage(listener.runtime.folder))
    assert [leak.level for leak in found.values()] == ([] if level is None else [level])


def test_a_place_that_holds_anything_is_no_source(heard: list[Item]) -> None:
    past = Lineage("clips", corpora=frozenset({"a"}), sites=frozenset({"github", "freesound"}))
    stranger = dataclasses.replace(heard[0], corpus="b", source="", site="github")
    assert leak_guard.find_by_name([stranger], past) == {}


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "clip"),
        ({"audio": Path("/other/x.wav")}, "clip"),  # another clip of a recording that it was calibrated on
        ({"audio": Path("/other/x.wav"), "source": "other"}, "corpus"),
        ({"audio": Path("/other/x.wav"), "source": "other", "corpus": "other"}, None),
    ],
)
def test_clips_of_a_calibration_leak(
    tone_folder: Path, tmp_path: Path, unheard: list[Item], changes: dict[str, object], level: str | None
) -> None:
    """Scores and thresholds fit the clips that they were fitted to, whatever the model was trained on."""
    folder = Path(shutil.copytree(tone_folder, tmp_path / "calibrated"))
    fitted = [dataclasses.replace(item, corpus="shop", source=item.id) for item in unheard]
    lineage.write_calibrated(folder, fitted)
    past = lineage.read_lineage(folder)
    assert past.detail == "nothing" and len(past.calibrated) == len(fitted)
    item = dataclasses.replace(fitted[0], **changes)  # type: ignore[arg-type]
    leaks = leak_guard.find_by_name([item], past)
    assert [(leak.level, leak.how) for leak in leaks.values()] == ([] if level is None else [(level, "calibration")])
    if level is not None:
        assert "calibrated on it" in leak_guard.summarise([item], leaks, past)[0]["note"]
    if level == "clip":
        with pytest.raises(leak_guard.LeakedError, match="trained or calibrated on 1 of 1 clips"):
            leak_guard.refuse_leaked(leaks, 1)


def test_a_calibration_lists_what_training_does_not(tone_folder: Path, tmp_path: Path, unheard: list[Item]) -> None:
    folder = Path(shutil.copytree(tone_folder, tmp_path / "calibrated"))
    lineage.write_lineage(folder, unheard[:2])
    lineage.write_calibrated(folder, unheard)
    past = lineage.read_lineage(folder)
    assert len(past.clips) == 2 and len(past.calibrated) == len(unheard) - 2 and not set(past.clips) & set(past.calibrated)


def test_a_planted_copy_is_found_by_its_sound(listener: Listener, heard: list[Item], unheard: list[Item], tmp_path: Path) -> None:
    samples, rate = soundfile.read(heard[2].audio)
    soundfile.write(tmp_path / "innocent.ogg", 0.3 * samples, rate)
    planted = Item(id="innocent", audio=tmp_path / "innocent.ogg", labels=("high tone",), corpus="made", site="studio")
    with pytest.raises(
        leak_guard.LeakedError, match=r"1 of 4 clips \(1 school\): innocent \(sounds like school/low-and-high.wav, (1.0|0.99)"
    ):
        score(listener, SUITE, [*unheard, planted])
    allowed = score(listener, SUITE, [*unheard, planted], allow_leaked=True)
    assert marks(allowed) == {("clip", "school"): 1} and allowed.summary["allowed"] is True
    assert "sound" in allowed.summary["leaked"][0]["note"] and allowed.leaks[0].item == "innocent"


def test_a_copy_inside_a_longer_recording_is_found(listener: Listener, heard: list[Item], tmp_path: Path) -> None:
    between = np.concatenate([chord((0.0, 0.3, 0.0), 16), chord(DRAW["low"], 12), chord((0.0, 0.3, 0.0), 20)])
    long = made_sounds.item(tmp_path, "long", between, "middle tone")
    past = lineage.read_lineage(listener.runtime.folder)
    assert set(leak_guard.find_by_embedding([long], embed_items(listener, [long]), past)) == {"long"}


@pytest.mark.parametrize(("cosine", "copied"), [(0.9, False), (0.96, False), (0.98, True), (1.0, True)])
def test_a_copy_is_told_from_what_is_merely_alike(cosine: float, copied: bool) -> None:
    """Different recordings of one class come up to 0.96, most copies to 0.98 and more (docs/bench.md)."""
    turned = np.array([[cosine, (1 - cosine**2) ** 0.5]], np.float32)
    heard = ClipEmbeddings(turned, turned, np.ones(1, np.float32), np.zeros(0, np.float32), False)
    past = Lineage("clips", (Clip("school", "1", "a.wav", ""),), np.array([[127, 0]], np.int8))
    assert set(leak_guard.find_by_embedding([Item(id="x", audio=Path("/x.wav"))], [heard], past)) == ({"x"} if copied else set())


@pytest.fixture
def school(tmp_path: Path) -> tuple[list[Item], Lineage]:
    """Clips with fingerprints, and a lineage with nothing else of their sound."""
    items = [made_sounds.item(tmp_path, f"s{seed}", bursts(seed), "x", corpus="school", source=str(seed)) for seed in range(3)]
    clips = tuple(Clip(item.corpus, item.source, item.audio.name, item.site) for item in items)
    return items, Lineage("clips", clips, fingerprints=fingerprint_items(items))


def test_a_changed_copy_is_found_by_its_fingerprint(school: tuple[list[Item], Lineage], tmp_path: Path) -> None:
    """What embeddings miss: a part of a training clip, faster and inside other sound; a result names where, and at which speed."""
    part = bursts(1)[16_000:64_000]
    faster = np.interp(np.arange(0, len(part) - 1, 1.03), np.arange(len(part)), part).astype(np.float32)
    planted = made_sounds.item(tmp_path, "planted", np.concatenate([bursts(50, 2), faster, bursts(51, 2)]), "x")
    clean = made_sounds.item(tmp_path, "clean", bursts(52), "x")
    leaks = leak_guard.find_by_fingerprint([planted, clean], school[1])
    assert set(leaks) == {"planted"}
    leak = leaks["planted"]
    assert (leak.level, leak.source, leak.how, leak.heard) == ("clip", "school", "fingerprint", "school/s1.wav")
    assert leak.speed == pytest.approx(1.03, abs=0.02) and leak.offset == pytest.approx(2 - 1 / 1.03, abs=0.1)
    with pytest.raises(leak_guard.LeakedError, match=r"planted \(contains school/s1.wav from 1.0. s, at speed 1.0"):
        leak_guard.refuse_leaked(leaks, 2)
    assert "fingerprint" in leak_guard.summarise([planted, clean], leaks, school[1])[0]["note"]


def test_what_was_not_compared_is_marked(school: tuple[list[Item], Lineage]) -> None:
    items, past = school
    assert leak_guard.summarise(items, {}, past) == []
    older = dataclasses.replace(past, fingerprints=None, vectors=np.zeros((3, 2), np.int8))
    assert "not checked by fingerprint" in leak_guard.summarise(items, {}, older)[0]["note"]
    assert "by name alone" in leak_guard.summarise(items, {}, dataclasses.replace(past, fingerprints=None))[0]["note"]
    assert leak_guard.find_by_fingerprint(items, older) == {}


def test_a_model_made_of_others_has_their_fingerprints(school: tuple[list[Item], Lineage], tmp_path: Path) -> None:
    """Each clip once; without those of one of them there are none, and old files of the folder are gone."""
    items, past = school
    folders = [tmp_path / name for name in ("first", "second", "merged")]
    for folder in folders:
        folder.mkdir()
    lineage.write_lineage(folders[0], items[:2], np.eye(2), fingerprints=fingerprint_items(items[:2]))
    lineage.write_lineage(folders[1], items[1:2], fingerprints=fingerprint_items(items[1:2]))
    lineage.write_lineage(folders[2], items[1:], fingerprints=fingerprint_items(items[1:]), parents=folders[:2])
    merged = lineage.read_lineage(folders[2])
    assert merged.clips == past.clips and merged.vectors is None
    np.testing.assert_array_equal(merged.fingerprints, past.fingerprints)
    (folders[1] / lineage.FINGERPRINTS).unlink()
    lineage.write_lineage(folders[2], items[1:], fingerprints=fingerprint_items(items[1:]), parents=folders[:2])
    assert lineage.read_lineage(folders[2]).fingerprints is None and lineage.read_lineage(folders[2]).clips == past.clips


def test_silence_is_nobodys_copy(tone_folder: Path, tmp_path: Path) -> None:
    quiet = [made_sounds.item(tmp_path, name, np.zeros(32_000, np.float32), "x") for name in ("one", "two")]
    listener = made_sounds.taught(tone_folder, tmp_path / "model", quiet[:1])
    assert leak_guard.find_by_embedding(quiet[1:], embed_items(listener, quiet[1:]), lineage.read_lineage(tmp_path / "model")) == {}


def test_what_is_not_known_is_marked_and_not_clean(tone_folder: Path, tmp_path: Path, heard: list[Item], unheard: list[Item]) -> None:
    nothing = score(load(tone_folder), SUITE, unheard)
    assert marks(nothing) == {("unknown", ""): 3} and "is not known" in nothing.summary["leaked"][0]["note"]
    by_name = made_sounds.taught(tone_folder, tmp_path / "names", heard, vectors=False)
    assert marks(score(by_name, SUITE, unheard)) == {("unknown", ""): 3}
    published = made_sounds.copied(tone_folder, tmp_path / "published")
    (published / "card.json").write_text(json.dumps({"format": "wavcaps-htsat"}))
    captioned = [dataclasses.replace(item, corpus="audiocaps", site="youtube") for item in unheard]
    told = score(load(published), SUITE, captioned)
    assert marks(told) == {("corpus", "audiocaps"): 3, ("unknown", ""): 3} and "Mei et al." in told.summary["leaked"][1]["note"]
    assert marks(score(load(published), SUITE, [dataclasses.replace(item, site="freesound") for item in unheard])) == {
        ("source", "freesound"): 3,
        ("unknown", ""): 3,
    }


def test_a_corpus_inside_another_counts_as_it() -> None:
    item = Item(id="x", audio=Path("/x.wav"), corpus="audiocaps")
    found = leak_guard.find_by_name([item], Lineage("corpora", corpora=frozenset({"audioset"})))
    assert found["x"].level == "corpus"


def test_sentences_that_were_read_are_told() -> None:
    item = Item(id="x", audio=Path("/x.wav"), corpus="audiocaps", site="youtube")
    past = Lineage("clips", (Clip("esc50", "1", "a.ogg", "freesound"),), texts=frozenset({"audiocaps"}))
    leaks = leak_guard.find_by_name([item], past)
    assert leaks["x"].level == "corpus" and "trained on its captions" in leak_guard.summarise([item], leaks, past)[0]["note"]


def test_a_lineage_is_read_as_it_was_written_and_is_no_part_of_the_model(listener: Listener, tone_folder: Path, heard: list[Item]) -> None:
    folder = listener.runtime.folder
    past = lineage.read_lineage(folder)
    assert fingerprint(folder) == fingerprint(tone_folder)
    assert [clip.file for clip in past.clips] == [item.audio.name for item in heard] and past.sites == {"freesound"}
    assert past.vectors is not None and past.vectors.dtype == np.int8
    rows = np.stack([one.mean("similarity") for one in embed_items(listener, heard)])
    for place, nearest, cosine in leak_guard.nearest_training_clips(rows, past.vectors):
        assert nearest == place and cosine > 0.999


def header(kind: str, shape: tuple[int, ...]) -> bytes:
    """The header of an array file."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (lineage.CLIPS, b'{"corpus": "a"}\n', "line 1: is not a clip"),
        (lineage.CLIPS, b"no json\n", "line 1: is not a clip"),
        (lineage.CLIPS, b'{"corpus": 1, "source": "", "file": "", "site": ""}\n', "line 1: is not a clip"),
        (lineage.CALIBRATED, b"no json\n", "line 1: is not a clip"),
        (lineage.VECTORS, b"no array", "is not an array"),
        (lineage.FINGERPRINTS, b"no array", "is not an array"),
        (lineage.FINGERPRINTS, header("|u1", (3, 24, 10)), "is not an array"),  # without the bytes that it announces
        (lineage.FINGERPRINTS, header("|u1", (10**12, 24, 10)), "is not an array"),
        (lineage.FINGERPRINTS, header("|O", (3, 24, 10)) + b"cos\nsystem\n(S'true'\ntR.", "is not an array"),
        (lineage.FINGERPRINTS, header("|u1", (2, 24, 10)) + bytes(480), r"wanted uint8 \(3, 24, 10\)"),
        (lineage.FINGERPRINTS, header("|u1", (3, 10, 24)) + bytes(720), r"wanted uint8 \(3, 24, 10\)"),
        (lineage.FINGERPRINTS, header("|i1", (3, 24, 10)) + bytes(720), r"wanted uint8 \(3, 24, 10\)"),
        (lineage.FINGERPRINTS, header("|u1", (720,)) + bytes(720), r"wanted uint8 \(3, 24, 10\)"),
    ],
)
def test_damaged_lineages_are_errors(listener: Listener, name: str, content: bytes, message: str) -> None:
    (listener.runtime.folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        lineage.read_lineage(listener.runtime.folder)
    np.save(listener.runtime.folder / lineage.VECTORS, np.zeros((2, 4), np.int8))
    with pytest.raises(ModelError):
        lineage.read_lineage(listener.runtime.folder)


SHIPPED = Path(lineage.__file__).parents[1] / "weights" / "auricle-tiny"
shipped = pytest.mark.skipif(
    not (SHIPPED / lineage.CLIPS).is_file(), reason="no list of training clips; see recipes/tiny/training_clips.py"
)


@shipped
def test_the_shipped_model_states_the_clips_of_its_card() -> None:
    past = lineage.read_lineage(SHIPPED)
    assert [(clip.corpus, clip.file) for clip in past.clips] == [(corpus, file) for corpus, file, *_ in read_clips(SHIPPED)]
    assert past.vectors is not None and past.texts == {"audiocaps"}
    assert past.fingerprints is not None and len(past.fingerprints) == len(past.clips)
    assert sum((SHIPPED / name).stat().st_size for name in (lineage.CLIPS, lineage.VECTORS, lineage.FINGERPRINTS)) < 1_500_000


@shipped
def test_esc50_is_refused_and_digits_are_clean(data: Path) -> None:
    esc50 = suites.load_items(suites.read_suite("esc50"), data)
    leaks = leak_guard.find_by_name(esc50, lineage.read_lineage(SHIPPED))
    with pytest.raises(leak_guard.LeakedError, match="1401 of 1600"):
        leak_guard.refuse_leaked(leaks, len(esc50))
    digits = [item for item in suites.load_items(suites.read_suite("fsdd"), data) if item.id.endswith(("_0.flac", "_1.flac"))][::2]
    quick = Suite(format=1, name="digits", about="", protocol="linear_probe", metrics=("accuracy",), draws=50, split={"by": "source"})
    assert score(load(SHIPPED), quick, digits).summary["leaked"] == []


@shipped
def test_a_copy_of_a_training_clip_among_unheard_ones_is_found(data: Path, tmp_path: Path) -> None:
    """Digits and cries that nobody trained on, and one clip of ESC-50 that was, made quieter, at another rate and as Vorbis."""
    unheard = manifest.items_from_rows(corpora.read(data, ["fsdd"])[:20] + corpora.read(data, ["donateacry"])[:10])
    trained = next(item for item in suites.load_items(suites.read_suite("esc50"), data) if item.audio.name == "1-100032-A-0.ogg")
    samples, rate = soundfile.read(trained.audio)
    soundfile.write(tmp_path / "cry.ogg", 0.5 * np.repeat(samples, 2), 2 * rate)
    planted = Item(id="cry", audio=tmp_path / "cry.ogg", corpus="mine")
    listener = load(SHIPPED)
    found = leak_guard.find_by_embedding([*unheard, planted], embed_items(listener, [*unheard, planted]), lineage.read_lineage(SHIPPED))
    assert {name: leak.heard for name, leak in found.items()} == {"cry": "esc50/1-100032-A-0.ogg"}
    found = leak_guard.find_by_fingerprint([*unheard, planted], lineage.read_lineage(SHIPPED))
    assert {name: leak.heard for name, leak in found.items()} == {"cry": "esc50/1-100032-A-0.ogg"}
