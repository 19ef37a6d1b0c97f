"""Wrong types at the public functions: one line that says what came and what was wanted, whatever comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tone_model import tone

import auricle
from auricle.core.arguments import check_choice, check_strings, describe
from auricle.core.errors import AuricleError, InputError

RATE = 16_000


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> auricle.Listener:
    return auricle.load(tone_folder)


def clip() -> auricle.Clip:
    return auricle.Clip(tone("low tone", 1), RATE)


#: Argument -> how it is given, and what is right for it and therefore not tried.
GIVEN: dict[str, tuple[Callable[[auricle.Listener, Any], object], tuple[type, ...]]] = {
    "Clip samples": (lambda _, value: auricle.Clip(value, RATE), (list,)),
    "Clip rate": (lambda _, value: auricle.Clip(np.zeros(9), value), (int, float)),
    "Clip name": (lambda _, value: auricle.Clip(np.zeros(9), RATE, value), (str,)),
    "load model": (lambda _, value: auricle.load(value), (type(None),)),
    "load runtime": (lambda _, value: auricle.load(None, value), (type(None),)),
    "load device": (lambda _, value: auricle.load(None, device=value), (str, type(None))),
    "Listener": (lambda _, value: auricle.Listener(value), ()),
    "listen": (lambda listener, value: listener.listen(value), (str,)),
    "tag": (lambda listener, value: listener.tag(value), (str,)),
    "detect": (lambda listener, value: listener.detect(value), (str,)),
    "each": (lambda listener, value: list(listener.each(value)), (str,)),
    "embed_audio": (lambda listener, value: listener.embed_audio(value), (str,)),
    "embed_each": (lambda listener, value: list(listener.embed_each(value)), (str,)),
    "listen labels": (lambda listener, value: listener.listen(clip(), value), (type(None),)),
    "listen top": (lambda listener, value: listener.listen(clip(), top=value), (int, type(None))),
    "listen heads": (lambda listener, value: listener.listen(clip(), heads=value), (type(None),)),
    "listen progress": (lambda listener, value: listener.listen(clip(), progress=value), (type(None),)),
    "each parts": (lambda listener, value: list(listener.each([clip()], parts=value)), ()),
    "embed space": (lambda listener, value: listener.embed_audio(clip(), space=value), ()),
    "embed_text": (lambda listener, value: listener.embed_text(value), ()),
    "unread": (lambda listener, value: listener.unread(value), ()),
    "open": (lambda listener, value: listener.open(value), ()),
    "open window": (lambda listener, value: listener.open(clip(), window=value), (int, float, type(None))),
    "ZeroShot": (lambda _, value: auricle.ZeroShot(value, ["dog", "cat"]), ()),
    "ZeroShot labels": (lambda listener, value: auricle.ZeroShot(listener, value), ()),
    "ZeroShot prompt": (lambda listener, value: auricle.ZeroShot(listener, ["dog", "cat"], prompt=value), (type(None),)),
    "ZeroShot bank": (lambda listener, value: auricle.ZeroShot(listener, ["dog", "cat"], bank=value), (type(None),)),
    "ZeroShot attributes": (lambda listener, value: auricle.ZeroShot(listener, ["dog", "cat"], attributes=value), (type(None),)),
    "ZeroShot rule": (lambda listener, value: auricle.ZeroShot(listener, ["dog", "cat"], rule=value), (type(None),)),
    "ZeroShot scales": (lambda listener, value: auricle.ZeroShot(listener, ["dog", "cat"], scales=value), (str,)),
    "classify": (lambda listener, value: auricle.ZeroShot(listener, ["dog", "cat"]).classify(value), (str,)),
    "classify question": (lambda listener, value: auricle.ZeroShot(listener, ["dog", "cat"]).classify(clip(), question=value), ()),
    "calibrate truth": (lambda listener, value: auricle.ZeroShot(listener, ["dog", "cat"]).calibrate([clip()], value), ()),
}
WRONG: tuple[Any, ...] = (None, 3, 3.5, True, b"x", object(), [3], [None], [[]], {1: 2}, np.zeros((2, 2, 2)), "", "\0", "n" * 300, "a\nb")


def _wrong(right: tuple[type, ...]) -> Iterator[Any]:
    yield from (value for value in WRONG if not isinstance(value, right))


@pytest.mark.parametrize("name", GIVEN)
def test_a_wrong_type_is_one_line_that_says_what_came(name: str, listener: auricle.Listener) -> None:
    give, right = GIVEN[name]
    for value in _wrong(right):
        with pytest.raises(AuricleError) as told:
            give(listener, value)
        assert "\n" not in str(told.value) and len(str(told.value)) < 600 and str(told.value)


@pytest.mark.parametrize("samples", [[0.0] * 100, ((0.0, 0.5), (0.5, 0.0)), np.zeros((1, 9), np.float64), np.arange(4, dtype=np.int16)])
def test_a_clip_takes_what_numpy_takes(samples: Any) -> None:
    held = auricle.Clip(samples, RATE).samples
    assert held.ndim == 2 and np.array_equal(held, np.atleast_2d(np.asarray(samples)))


def test_a_clip_of_an_array_is_that_array_and_of_a_tensor_the_same_sound() -> None:
    array = np.zeros((1, 100), np.float32)
    assert auricle.Clip(array, RATE).samples is array
    torch = pytest.importorskip("torch")
    held = auricle.Clip(torch.linspace(-1, 1, 5), RATE).samples
    assert held.tolist() == [[-1.0, -0.5, 0.0, 0.5, 1.0]]
    with pytest.raises(InputError, match=r"Clip samples are tensor.*requires_grad|Clip samples are tensor.*requires grad.*\.detach\(\)"):
        auricle.Clip(torch.zeros(9, requires_grad=True), RATE)


def test_the_line_names_the_argument_what_came_and_what_was_wanted(listener: auricle.Listener) -> None:
    for give, line in (
        (lambda: listener.embed_text([3]), "texts is [3] (list); wanted a list of strings, such as ['siren', 'rain']"),  # type: ignore[list-item]
        (lambda: listener.listen(None), "a recording is None (NoneType); wanted a path or auricle.Clip(samples, rate)"),  # type: ignore[call-overload]
        (lambda: listener.listen(np.zeros(9)), "got an array without its rate; wanted auricle.Clip(samples, rate) or a path"),  # type: ignore[call-overload]
        (lambda: listener.embed_text(["d\udcffg"]), r"texts: 'd\udcffg' is not valid Unicode; wanted text that can be encoded as UTF-8"),
        (lambda: auricle.ZeroShot(listener, 3), "labels is 3 (int); wanted a list of strings, such as ['siren', 'rain']"),  # type: ignore[arg-type]
        (lambda: check_choice("x", ("a", "b"), what="space"), "space is 'x' (str); wanted one of a, b"),
    ):
        with pytest.raises(InputError) as told:
            give()
        assert str(told.value) == line


def test_values_are_described_on_one_short_line() -> None:
    assert describe("a\nb") == r"'a\nb' (str)" and len(describe(list(range(10**6)))) < 80 and "\n" not in describe(np.zeros((9, 9)))
    assert check_strings(iter(["a", "b"]), what="labels") == ("a", "b")
