from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tone_model
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from auricle.core.errors import InputError, ModelError
from auricle.runtime.tokens import TextTower, normalise_label


def by_the_book(folder: Path, text: str) -> np.ndarray:
    """The tower as the contract writes it, in float64."""
    weights = {name: value.astype(np.float64) for name, value in tone_model.text_weights().items()}
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    mean = sum(weights["text.tokens"][index] * weights["text.scale"][index] for index in ids)
    mean = mean / max(np.linalg.norm(mean), 1e-6)
    x = mean @ weights["text.projection"] + weights["text.bias"]
    x = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    vector = x @ weights["text.output"]
    return np.asarray(vector / np.linalg.norm(vector))


@pytest.mark.parametrize("text", ["dog", "deep hum", "low tone rain", "barking"])
def test_follows_the_contract(tone_folder: Path, text: str) -> None:
    found = TextTower(tone_folder, tone_model.DIM).embed([text])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], by_the_book(tone_folder, text), atol=2e-5)


def test_company_changes_no_bit(tone_folder: Path) -> None:
    texts = ["dog", "deep hum", "low tone"]
    together = TextTower(tone_folder, tone_model.DIM).embed(texts)
    tower = TextTower(tone_folder, tone_model.DIM)
    alone = [tower.embed([text])[0] for text in reversed(texts)]
    assert all((one == other).all() for one, other in zip(together, reversed(alone), strict=True))


def test_case_underscores_and_spaces_do_not_matter(tone_folder: Path) -> None:
    tower = TextTower(tone_folder, tone_model.DIM)
    assert (tower.embed(["Low_Tone"]) == tower.embed(["  low   tone "])).all()


def test_raw_vectors_point_the_same_way(tone_folder: Path) -> None:
    tower = TextTower(tone_folder, tone_model.DIM)
    raw, unit = tower.embed(["dog"], normalize=False)[0], tower.embed(["dog"])[0]
    assert abs(np.linalg.norm(unit) - 1) < 1e-6 and abs(np.linalg.norm(raw) - 1) > 1e-3
    np.testing.assert_allclose(raw / np.linalg.norm(raw), unit, atol=1e-6)


def test_no_texts_give_no_rows(tone_folder: Path) -> None:
    assert TextTower(tone_folder, tone_model.DIM).embed([]).shape == (0, tone_model.DIM)


@pytest.mark.parametrize("text", ["", "   ", "_", "\t\n"])
def test_empty_labels_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is empty"):
        normalise_label(text)


def test_a_bare_string_is_refused(tone_folder: Path) -> None:
    with pytest.raises(InputError, match="wanted a list of strings"):
        TextTower(tone_folder, tone_model.DIM).embed("dog")


@pytest.mark.parametrize("part", ["tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("damage", [None, b"", b"{}"])
def test_damage_is_one_line(tone_folder: Path, tmp_path: Path, part: str, damage: bytes | None) -> None:
    folder = Path(shutil.copytree(tone_folder, tmp_path / "model"))
    (folder / part).unlink()
    if damage is not None:
        (folder / part).write_bytes(damage)
    with pytest.raises(ModelError) as caught:
        TextTower(folder, tone_model.DIM).embed(["dog"])
    assert part in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(tone_model.text_weights()))
def test_weights_that_do_not_fit_are_refused(tone_folder: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(tone_folder, tmp_path / "model"))
    weights = tone_model.text_weights()
    weights[name] = weights[name][:-1]
    save_file(weights, str(folder / "model.safetensors"))
    with pytest.raises(ModelError, match=r"wanted|has more tokens"):
        TextTower(folder, tone_model.DIM).embed(["dog"])
    del weights[name]
    save_file(weights, str(folder / "model.safetensors"))
    with pytest.raises(ModelError, match=f"has no {name}"):
        TextTower(folder, tone_model.DIM).embed(["dog"])


@pytest.mark.parametrize(
    ("text", "read"), [("dog", True), ("A_dog wails", True), ("wails", False), ("\U0001f436", False), ("\u72d7", False)]
)
def test_texts_without_a_known_word_are_not_read(tone_folder: Path, text: str, read: bool) -> None:
    assert TextTower(tone_folder, tone_model.DIM).has_known_words(text) is read
