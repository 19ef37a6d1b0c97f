"""Thrift: what it sets while tables are rewritten, and that it leaves nothing behind."""

from __future__ import annotations

import os

import pytest

from auricle.archive.memory import _AHEAD, limited_memory


def test_little_is_read_ahead_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(_AHEAD, raising=False)
    with pytest.raises(KeyError), limited_memory():
        assert int(os.environ[_AHEAD]) < 2**24
        raise KeyError
    assert _AHEAD not in os.environ


def test_who_set_it_knows_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_AHEAD, "1000")
    with limited_memory():
        assert os.environ[_AHEAD] == "1000"
    assert os.environ[_AHEAD] == "1000"
