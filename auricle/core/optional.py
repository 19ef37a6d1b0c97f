"""Import of optional packages, with an error that says which extra to install and why."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from types import ModuleType

from auricle.core.errors import MissingPackage

#: Extras that bring torch, and the command that installs torch for CPUs: on Linux pip takes a build with 6 GB of CUDA libraries by itself.
_WITH_TORCH, _TORCH_FOR_CPUS = ("train", "hf", "export"), "pip install torch --index-url https://download.pytorch.org/whl/cpu"


def require(name: str, *, extra: str, why: str) -> ModuleType:
    """Import the package `name` or raise MissingPackage with the pip command that installs it.

    extra: the extra of auricle that has the package. why: what needs it, as the start of a sentence ("reading m4a").
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        # An installed but broken package must not be reported as missing: installing it again would not help.
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == name.split(".")[0]
        what = "is not installed" if missing else f"does not load ({_line(error)})"
        raise MissingPackage(f"{why} needs the package {name}, which {what}; run: {pip_command(extra)}") from error


def pip_command(extra: str) -> str:
    """The command that installs an extra; where there is no NVIDIA driver, torch for CPUs comes first if the extra needs it."""
    command = f"pip install 'auricle[{extra}]'"
    if extra not in _WITH_TORCH or importlib.util.find_spec("torch") is not None or shutil.which("nvidia-smi"):
        return command
    return f"{_TORCH_FOR_CPUS} && {command}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
