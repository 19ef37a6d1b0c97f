"""How similar two models are, and whether merging them is likely to help (`auricle merge --similarity`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from auricle.core.config import EMBEDDING
from auricle.models.merge.join import join
from auricle.models.merge.similarity import block_cosines, linear_cka
from auricle.models.running import find_device
from auricle.recipes.merging.folders import Parent, read_parent
from auricle.recipes.merging.labelled_features import on_device, read_features

#: Cosine of two encoders' weights from which they lie close enough together to be averaged, and below which they do not.
CLOSE, FAR = 0.9, 0.5


@dataclasses.dataclass(frozen=True)
class Similarity:
    """blocks: cosine of the matrices and kernels of each block. encoder: of all of the encoder. cka: of embeddings, None without data."""

    blocks: Mapping[str, float]
    encoder: float
    cka: float | None

    @property
    def statement(self) -> str:
        """Whether merging is likely to help, by the cosine of the encoders' weights: from CLOSE on, below FAR, or between them."""
        if self.encoder >= CLOSE:
            return f"merging is likely to help: the cosine of the encoders' weights is {CLOSE} or more, as of fine-tunes of one start"
        if self.encoder < FAR:
            return f"merging is not likely to help: the cosine of the encoders' weights is below {FAR}, as of models of different starts"
        return f"merging may help: the cosine of the encoders' weights is between {FAR} and {CLOSE}; measure the merged model"


def compare(
    models: Sequence[str | Path], *, data: Path | None = None, cache: Path = Path("runs/cache"), device: str | None = None
) -> Similarity:
    """Compare two models of one architecture. data: manifest of recordings whose embeddings are compared. device: as of a merge."""
    first, second = (read_parent(model) for model in models)
    layout = join([first.config, second.config], name="comparison")  # refuses models that differ
    other_labels = {name for name, rows in layout.rows.items() if not torch.equal(rows[0], rows[1])}
    # Scales of norms are near one in every model and would make all models similar, so only matrices and kernels count.
    matrices = [
        {name: tensor for name, tensor in parent.model.named_parameters() if tensor.ndim > 1 and name not in other_labels}
        for parent in (first, second)
    ]
    blocks = block_cosines(*matrices, block=_block)
    encoder = block_cosines(*matrices, block=lambda name: name.partition(".")[0])["encoder"]
    return Similarity(blocks, encoder, None if data is None else _cka(first, second, data, cache, find_device(device)))


def _block(name: str) -> str:
    """`encoder.blocks.3.norm1.weight` -> `encoder.blocks.3`, `encoder.stem.conv.weight` -> `encoder.stem`."""
    parts = name.split(".")[:-1]
    return ".".join(parts[:3] if len(parts) > 2 and parts[2].isdigit() else parts[:2])


@torch.inference_mode()
def _cka(first: Parent, second: Parent, data: Path, cache: Path, device: torch.device) -> float:
    parts = {name.removeprefix("frontend."): tensor.numpy() for name, tensor in first.extra.items() if name.startswith("frontend.")}
    clips = read_features(data, first.config, cache=cache, frontend_parts=parts, device=device)
    rows = []
    for parent in (first, second):
        with on_device(parent.model, device) as model:
            rows.append(torch.cat([model(clip, outputs=(EMBEDDING,))[EMBEDDING].cpu() for clip in clips.clips()]))
    return linear_cka(*rows)
