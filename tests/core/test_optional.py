"""Missing packages: the error says which command installs them, and that of torch does not bring CUDA where there is no GPU."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

from auricle.core.errors import MissingPackage
from auricle.core.optional import pip_command, require


@pytest.mark.parametrize(
    ("extra", "torch", "driver", "command"),
    [
        ("train", False, False, "pip install torch --index-url https://download.pytorch.org/whl/cpu && pip install 'auricle[train]'"),
        ("hf", False, True, "pip install 'auricle[hf]'"),
        ("export", True, False, "pip install 'auricle[export]'"),
        ("av", False, False, "pip install 'auricle[av]'"),
    ],
)
def test_torch_for_cpus_comes_first_without_a_driver(
    extra: str, torch: bool, driver: bool, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if torch else None)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi" if driver else None)
    assert pip_command(extra) == command


def test_a_missing_package_is_named_with_what_needs_it() -> None:
    message = r"reading m4a needs the package no_such_package, which is not installed; run: pip install 'auricle\[av\]'"
    with pytest.raises(MissingPackage, match=message):
        require("no_such_package", extra="av", why="reading m4a")
