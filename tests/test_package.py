from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import auricle


def test_every_public_name_is_there() -> None:
    for name in auricle.__all__:
        assert getattr(auricle, name) is not None
    assert set(auricle.__all__) <= set(dir(auricle))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = auricle.nonsense  # type: ignore[attr-defined]


def test_the_stub_says_the_same() -> None:
    stub = ast.parse(Path(str(auricle.__file__)).with_suffix(".pyi").read_text())
    imported = {f"{node.module}.{name.name}" for node in stub.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert imported == {f"{home}.{name}" for name, home in auricle._MODULES.items()}


def test_importing_loads_nothing_heavy() -> None:
    told = "import sys, auricle; print(sorted(sys.modules))"
    loaded = ast.literal_eval(subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout)
    assert not {"numpy", "torch", "pydantic", "onnxruntime", "rich", "typer", "soundfile"} & set(loaded)


def test_hearing_needs_no_torch(tone_folder: Path) -> None:
    told = (
        "import sys, numpy, auricle\n"
        f"heard = auricle.load({str(tone_folder)!r}).listen(auricle.Clip(numpy.ones((1, 16000), 'float32'), 16000), ['dog'])\n"
        "assert heard.coverage == 1 and not {'torch', 'typer', 'rich', 'av'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", told], check=True)


def test_the_version_is_that_of_the_install() -> None:
    try:
        assert importlib.metadata.version("auricle") == auricle.__version__
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed, only on the path")
