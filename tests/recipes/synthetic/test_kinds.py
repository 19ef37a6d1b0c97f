from __future__ import annotations

import numpy as np
import pytest

from auricle.core.errors import InputError
from recipes.synthetic.build import render
from recipes.synthetic.kinds import KINDS, Kind
from recipes.synthetic.recognition import fitting_names
from recipes.synthetic.sound import RATE


def installed(kind: Kind) -> bool:
    try:
        for check in kind.needs:
            check()
    except InputError:
        return False
    return True


QUICK = [name for name, kind in KINDS.items() if not kind.slow]


@pytest.mark.parametrize("name", QUICK)
def test_every_kind_makes_labelled_sound_of_the_length_asked_for(name: str) -> None:
    if not installed(KINDS[name]):
        pytest.skip("a program is not installed")
    for number in range(4):
        sound = KINDS[name].generate(np.random.default_rng(number), 4.0)
        assert len(sound.samples) == pytest.approx(4.0 * RATE, abs=1) and np.isfinite(sound.samples).all()
        assert np.abs(sound.samples).max() > 0
        assert set(sound.labels) <= set(fitting_names()) and len(set(sound.labels)) == len(sound.labels) > 0
        assert sound.licence and sound.author


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if not kind.needs])
def test_a_clip_depends_on_its_number_and_the_seed_alone(name: str) -> None:
    first, again = render(name, 3, seed=5), render(name, 3, seed=5)
    assert np.array_equal(first.samples, again.samples) and first.applied == again.applied and first.sound.labels == again.sound.labels
    for other in (render(name, 4, seed=5), render(name, 3, seed=6)):
        assert len(other.samples) != len(first.samples) or not np.array_equal(other.samples, first.samples)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if not kind.needs])
def test_every_form_of_a_kind_can_be_made(name: str) -> None:
    labels = {KINDS[name].generate(np.random.default_rng(number), 1.0).labels for number in range(24)}
    assert all(set(each) <= set(fitting_names()) for each in labels)
    assert len(labels) > 1 or name in ("hum", "silence", "knock", "click", "clock")
