"""Write a calibrated model: a copy of its folder with another config.json."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auricle.bench import lineage
from auricle.core.config import EXPORT, MODEL_PARTS, ModelConfig
from auricle.core.errors import InputError, ModelError
from auricle.core.files import atomic_folder, write_text
from auricle.core.format1 import downgrade_decisions
from auricle.core.model_files import digest_files
from auricle.data.item import Item
from auricle.runtime.catalog import read_card
from auricle.runtime.exported import read_export
from auricle.runtime.tokens import has_tensors

CONFIG, CARD = "config.json", "card.json"


def write(model: Path, into: Path, config: ModelConfig, *, report: Mapping[str, Any], items: Sequence[Item]) -> Path:
    """Write the folder `into`, whole or not at all: weights and graphs of `model`, and this config. Returns `into`.

    report: of the calibration. items: the clips that it was fitted to. InputError as `check_target`.
    """
    check_target(model, into)
    with atomic_folder(into, replace=True) as partial:
        old = _is_old_conversion(model)
        for file in sorted(model.iterdir()):
            if file.is_file() and not (old and _is_graph(file)):
                shutil.copyfile(file, partial / file.name)
        _write_config(partial / CONFIG, config)
        _write_card(partial, report)
        lineage.write_calibrated(partial, items)
        _write_fingerprint(model, partial)
    return into


def check_target(model: Path, into: Path) -> None:
    """InputError where `into` exists and is the folder of the model itself, or was not written by a calibration and is not empty.

    ModelError for graphs of a converted model in format 1: its config has no place for a calibration, and format 2 names graphs otherwise.
    """
    if _is_old_conversion(model) and not has_tensors(model / "model.safetensors", "encoder."):
        raise ModelError(f"{model}: has graphs of format 1 without weights, which cannot be calibrated; convert its weights again")
    if not into.exists():
        return
    written = into.is_dir() and (not any(into.iterdir()) or ((into / CARD).is_file() and "calibration" in read_card(into)))
    if into.samefile(model):
        raise InputError(f"{into} is the model that is calibrated; choose another folder")
    if not written:
        raise InputError(f"{into} already exists and was not written by a calibration; remove it, or choose another folder")


def _write_config(path: Path, config: ModelConfig) -> None:
    """Write config.json in the format of the file that is there: the names of graphs and tensors depend on it."""
    text = path.read_text(encoding="utf-8")
    if json.loads(text).get("format") == 1 and not _is_old_conversion(path.parent):
        write_text(path, downgrade_decisions(text, config))
    else:
        write_text(path, json.dumps(config.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")


def _is_old_conversion(folder: Path) -> bool:
    """Whether a folder is a converted model in format 1. It is written in format 2, without its graphs; `auricle export` makes new ones."""
    fields = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return bool(fields.get("format") == 1 and fields.get("kind") == "published")


def _is_graph(file: Path) -> bool:
    return file.name == EXPORT or file.name.endswith((".onnx", ".onnx.data"))


def _write_card(folder: Path, report: Mapping[str, Any]) -> None:
    """Write the card: that of the model, without results that depend on its scores, and with the calibration."""
    card = read_card(folder) if (folder / CARD).is_file() else {"summary": report["model"]}
    results = {}
    for section in report["outputs"]:
        values = {score["metric"]: score for score in section["scores"]}
        results[f"calibration of {section['output']}"] = {
            f"{name} {when}": values[name][when]["value"] for name in values for when in ("before", "after")
        }
    kept = {name: value for name, value in card.items() if name not in ("weights", "results", "calibration")}
    about = {name: report[name] for name in ("data", "corpora", "clips", "sources", "settings")}
    fitted = [{"output": section["output"], "labels": len(section["calibration"]["bias"])} for section in report["outputs"]]
    card = kept | {"results": results, "calibration": about | {"fitted": fitted}}
    write_text(folder / CARD, json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _write_fingerprint(model: Path, folder: Path) -> None:
    """Give exported graphs the fingerprint of the new config, so that caches of the model's scores are not used for the folder."""
    exported = read_export(folder)
    if exported is None or digest_files(model, [CONFIG]) == digest_files(folder, [CONFIG]):
        return
    weights = [part for part in MODEL_PARTS if not part.endswith(".onnx")]
    if exported.fingerprint == digest_files(model, weights):  # the weights are in the folder: as if it had been exported after calibration
        fingerprint = str(digest_files(folder, weights))
    else:
        fingerprint = hashlib.sha256(f"{exported.fingerprint}\0{digest_files(folder, [CONFIG])}".encode()).hexdigest()
    fields = exported.model_copy(update={"fingerprint": fingerprint}).model_dump(mode="json")
    write_text(folder / EXPORT, json.dumps(fields, indent=1) + "\n")
