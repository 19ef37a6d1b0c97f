"""benchmarks/paraphrases.py on phrases of its own: what is counted, by label and in recordings, and the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from tone_model import RATE, silence, tone

import auricle
from auricle.core import audioset
from auricle.core.errors import InputError
from benchmarks import paraphrases

PHRASES = {
    "paraphrases": {"low tone": ["the low tones", "deep hum"], "dog": ["a puppy", "a dog barking", "rain"], "Speech": ["someone talking"]},
    "near_misses": [["dog", "dog whistle"], ["dog", "hounds"], ["rain", "rain coat"], ["whale", "whale oil"]],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "phrases.json"
    path.write_text(json.dumps(PHRASES))
    return path


def test_answers_are_counted_by_vocabulary_and_label(file: Path) -> None:
    figures, by_label = paraphrases.matching(paraphrases.read_phrases(file), ("low tone", "dog", "rain"), "model")
    assert {one["name"]: (round(one["value"], 3), one["n"]) for one in figures} == {
        "model_own": (0.6, 5),
        "model_other": (0.2, 5),
        "model_more_specific": (0.0, 5),
        "model_near_misses": (0.333, 3),
    }
    assert by_label["dog"]["not_own"] == {"rain": "rain"} and by_label["low tone"]["not_own"] == {"deep hum": None}
    assert by_label["dog"]["answered_near_misses"] == ["hounds"] and by_label["rain"]["own"] is None
    assert by_label["dog"]["own"]["n"] == 3 and by_label["dog"]["own"]["low"] < 2 / 3 < by_label["dog"]["own"]["high"]
    figures, by_label = paraphrases.matching(paraphrases.read_phrases(file), audioset.labels(), "audioset")
    values = {one["name"]: one["value"] for one in figures}
    assert set(by_label) == {"dog", "Speech", "rain"} and values["audioset_own"] == 0.5
    assert values["audioset_more_specific"] == 0.25 and by_label["dog"]["not_own"] == {"a dog barking": "Bark", "rain": "Rain"}


def test_phrases_are_compared_with_their_label_in_recordings(tone_folder: Path, file: Path, tmp_path: Path) -> None:
    data = tmp_path / "data" / "own_16k"
    data.mkdir(parents=True)
    sounds = {"low.wav": ("low tone", tone("low tone", 3)), "high.wav": ("high tone", tone("high tone", 3)), "none.wav": ("", silence(3))}
    for name, (_, samples) in sounds.items():
        soundfile.write(data / name, samples, RATE)
    (data / "clips.csv").write_text(
        "filename,label,source_id\n" + "".join(f"{name},{label},{name}\n" for name, (label, _) in sounds.items())
    )
    phrases, listener = paraphrases.read_phrases(file), auricle.load(tone_folder)
    items = paraphrases.left_out(tmp_path / "data", listener)
    assert [item.id for item in items] == ["own_16k/low.wav", "own_16k/high.wav", "own_16k/none.wav"] and items[0].corpus == "own_16k"
    few = paraphrases.chosen(items, tuple(phrases.paraphrases), listener.vocabulary, 1)
    assert few[0].id == "own_16k/low.wav" and len(few) == 2
    figures = {one["name"]: one for one in paraphrases.agreement(phrases, listener, items)}
    assert figures["agreement"]["n"] == 2 and figures["agreement_present"]["n"] == 1  # silence has no answer; one recording has a label
    low = {label.label: label for label in listener.listen(data / "low.wav", ["low tone", "deep hum"]).labels or ()}
    assert figures["agreement_present"]["value"] == (0.5 if not low["deep hum"].present else 1.0)
    paraphrases.main(
        ["--file", str(file), "--model", str(tone_folder), "--data", str(tmp_path / "data"), "--results", str(tmp_path / "to")]
    )
    record = json.loads((tmp_path / "to" / "paraphrases.json").read_text())
    assert {"model_own", "audioset_own", "agreement"} <= {figure["name"] for figure in record["figures"]}
    assert record["extra"]["by_label"]["model"]["dog"]["own"]["n"] == 3 and record["command"].endswith("--data DIR")


def test_without_recordings_nothing_is_left_out(tone_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no recordings that tones was not trained on; wanted folders with a clips\.csv"):
        paraphrases.left_out(tmp_path, auricle.load(tone_folder))


@pytest.mark.parametrize(
    "text", ["[]", '{"paraphrases": {"dog": "a dog"}}', '{"near_misses": []}', '{"paraphrases": {}, "near_misses": [["dog"]]}']
)
def test_files_of_another_form_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "phrases.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"phrases\.json: .*wanted paraphrases by label, and near_misses as pairs"):
        paraphrases.read_phrases(path)
    with pytest.raises(InputError, match="cannot be read"):
        paraphrases.read_phrases(tmp_path / "gone.json")
