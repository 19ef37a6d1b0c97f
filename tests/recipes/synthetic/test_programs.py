from __future__ import annotations

import pytest

from auricle.core.errors import InputError
from recipes.synthetic import programs


def test_a_missing_program_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for name, packages in programs.PACKAGES.items():
        with pytest.raises(InputError, match=f"{name} is not installed; install it .*apt-get install {packages}.*--only"):
            programs.find_program(name)


def test_a_missing_sound_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "SOUND_FONTS", ("/nowhere/a.sf2",))
    with pytest.raises(InputError, match=r"looked at /nowhere/a\.sf2; install it .*fluid-soundfont-gm"):
        programs.find_sound_font()


def test_programs_that_fail_or_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    assert programs.run("cat", [], text="hello") == b"hello"
    with pytest.raises(InputError, match=r"cat failed with status 1: .*nosuch"):
        programs.run("cat", ["/nosuch/file"])

    monkeypatch.setattr(programs, "_SECONDS", 0.2)
    with pytest.raises(InputError, match="sleep took more than"):
        programs.run("sleep", ["5"])
