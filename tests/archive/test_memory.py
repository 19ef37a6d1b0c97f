"""Memory limits: what they set while tables are rewritten, and that nothing is left set."""

from __future__ import annotations

import os

import pytest

from auricle.archive.memory import _IO_BUFFER, limited_memory


def test_little_is_read_ahead_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(_IO_BUFFER, raising=False)
    with pytest.raises(KeyError), limited_memory():
        assert int(os.environ[_IO_BUFFER]) < 2**24
        raise KeyError
    assert _IO_BUFFER not in os.environ


def test_a_value_set_by_the_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_IO_BUFFER, "1000")
    with limited_memory():
        assert os.environ[_IO_BUFFER] == "1000"
    assert os.environ[_IO_BUFFER] == "1000"
