"""Convert published weights to a model folder, and export its graphs so that it runs without torch."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auricle.core.errors import MissingPackage, ModelError
from auricle.core.optional import pip_command
from auricle.runtime.exporting import export

if TYPE_CHECKING:
    from auricle.models.convert.convert import Report
    from auricle.runtime.exported import Exported


def convert(
    path: Path,
    into: Path,
    *,
    name: str | None = None,
    allow: Sequence[str] = (),
    tokenizer: Path | None = None,
    graphs: bool = True,
) -> tuple[Report, Exported | str]:
    """Convert a checkpoint (models.convert.convert) and export its graphs next to the weights.

    graphs: export them. Returns the report, and the export or the reason why there is none; the model runs with torch then.
    MissingPackage where torch is not installed.
    """
    try:
        from auricle.models.convert.convert import convert as convert_weights
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingPackage(
            f"{path}: published weights are converted with torch, which is not installed; run: {pip_command('train')}"
        ) from error
    report, model = convert_weights(path, into, name=name, allow=allow, tokenizer=tokenizer)
    if not graphs:
        return report, "not requested"
    if not all(map(importlib.util.find_spec, ("onnx", "onnxscript"))):
        return report, "onnx and onnxscript are not installed; run: pip install 'auricle[export]'"
    logging.getLogger(__name__).info("converted %s; exporting its graph, once: this may take half a minute, later it opens at once", path)
    try:
        return report, export(into, model=model)
    except ModelError as error:
        return report, str(error)
