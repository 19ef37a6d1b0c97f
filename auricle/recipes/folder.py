"""What a training leaves behind: a model folder that auricle.load opens, with the lineage of everything it was trained on."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save_file

from auricle.core.errors import InputError
from auricle.data.manifest import Item
from auricle.models.captioner import Captioner
from auricle.models.convert.convert import write
from auricle.models.published import PublishedModel


def keep(
    model: PublishedModel, out: Path, items: Sequence[Item], *, tokenizer: Path | None = None, captioner: Captioner | None = None
) -> Path:
    """Write out/model, whole or not at all. An older one there is replaced."""
    name = model.config.name
    card = {"summary": f"{name}, trained by auricle on {len(items)} recordings", "corpora": sorted({item.corpus for item in items})}
    into = out / "model"
    if into.exists() and not (into / "heard.jsonl").is_file():
        raise InputError(f"{into} is there and was not trained by auricle; take it away, or name another --out")
    with tempfile.TemporaryDirectory(dir=out) as place:
        folder = Path(place) / "model"
        write(folder, model, {}, card=card, tokenizer=tokenizer)
        (folder / "heard.jsonl").write_text("".join(map(_line, items)), encoding="utf-8")
        if captioner is not None:
            save_file({key: tensor.contiguous() for key, tensor in captioner.state_dict().items()}, folder / "captioner.safetensors")
            (folder / "captioner.json").write_text(captioner.config.model_dump_json(indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(into, ignore_errors=True)
        folder.rename(into)
    return into


def _line(item: Item) -> str:
    told = {"corpus": item.corpus, "source": item.source, "file": item.audio.name, "site": item.site}
    return json.dumps(told, ensure_ascii=False) + "\n"
