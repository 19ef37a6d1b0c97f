"""Import of optional packages, with an error that says which extra to install and why."""

from __future__ import annotations

import importlib
from types import ModuleType

from auricle.core.errors import MissingPackage


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
        raise MissingPackage(f"{why} needs the package {name}, which {what}; run: pip install 'auricle[{extra}]'") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
