"""The result of a training: a model folder that auricle.load opens, with the list of clips that it was trained on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from auricle.bench import lineage
from auricle.bench.sounds import fingerprint_items
from auricle.core.errors import InputError
from auricle.core.files import atomic_folder, write_text
from auricle.data.item import Item
from auricle.models.captioner import Captioner
from auricle.models.folder import save
from auricle.models.model import Model


def write_model_folder(
    model: Model,
    out: Path,
    items: Sequence[Item],
    *,
    start: Path | None = None,
    tokenizer: Path | None = None,
    captioner: Captioner | None = None,
    extra: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write out/model atomically and return its path. A trained model already there is replaced.

    items: the training data. start: folder of the model that this one was fine-tuned from; its training data are listed too, and where
    they are unknown, no list is written, so the leak check of `auricle score` reports the lineage as unknown. extra: tensors of the
    front-end and of a static text tower.
    InputError where out/model exists and was not written by a training.
    """
    name = model.config.name
    summary = f"{name}, trained by auricle on {len(items)} recordings" + (f", from {start.name}" if start else "")
    card = {"summary": summary, "trained": True, "corpora": sorted({item.corpus for item in items})}
    into = out / "model"
    if into.exists() and not json.loads((into / "card.json").read_bytes()).get("trained"):
        raise InputError(f"{into} already exists and was not trained by auricle; remove it, or choose another folder with -o")
    with atomic_folder(into, replace=True) as partial:
        save(partial, model, extra or {}, card=card, tokenizer=tokenizer)
        if start is None or (start / lineage.CLIPS).is_file():
            parents = () if start is None else (start,)
            lineage.write_lineage(partial, items, fingerprints=fingerprint_items(items), parents=parents)
        if start is not None and (start / lineage.CALIBRATED).is_file():  # outputs that were not trained keep their calibration
            shutil.copyfile(start / lineage.CALIBRATED, partial / lineage.CALIBRATED)
        if captioner is not None:
            save_file({key: tensor.contiguous() for key, tensor in captioner.state_dict().items()}, partial / "captioner.safetensors")
            write_text(partial / "captioner.json", captioner.config.model_dump_json(indent=1) + "\n")
    return into


def write_trained(trained: nn.Module, out: Path, items: Sequence[Item]) -> dict[str, float]:
    """Write out/model from a module that has it as `model`; the `finish` of a training without metrics of its own."""
    assert isinstance(trained.model, Model)
    write_model_folder(trained.model.eval(), out, items)
    return {}
