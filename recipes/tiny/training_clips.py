"""The list of clips that the shipped model was trained on, for the leak check of `auricle score`.

    python -m recipes.tiny.training_clips --data DIR

Writes heard.jsonl, heard_fingerprints.npy and heard.npy into the model's folder: the clips listed beside its card, their audio
fingerprints, and their similarity embeddings (int8) by the model itself. None of them changes the model's fingerprint. Expected: 2042
clips, under 1.5 MB together. Hardware: one core, a minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from auricle.bench import lineage
from auricle.bench.card import read_clips
from auricle.bench.embeddings import embed_items
from auricle.bench.sounds import fingerprint_items
from auricle.core.errors import InputError
from auricle.data import corpora, manifest
from auricle.data.item import Item
from auricle.listen.listener import load
from auricle.runtime import catalog


def training_items(data: Path, folder: Path) -> list[Item]:
    """Items of the clips that the card of the model in folder lists, in its order. InputError where data lacks one."""
    listed = [(corpus, file) for corpus, file, *_ in read_clips(folder)]
    rows = {
        (item.corpus, item.audio.name): item
        for item in manifest.items_from_rows(corpora.read(data, sorted({corpus for corpus, _ in listed})))
    }
    missing = [clip for clip in listed if clip not in rows]
    if missing:
        raise InputError(
            f"{data} lacks {len(missing)} training clips, such as {'/'.join(missing[0])}; prepare the corpora as docs/data.md describes"
        )
    return [rows[clip] for clip in listed]


def main() -> None:
    """Write the files into the model's folder."""
    parser = argparse.ArgumentParser(description="List the clips that the shipped model was trained on.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=catalog.find_folder(catalog.DEFAULT), help="folder of the model")
    options = parser.parse_args()
    listener, items = load(options.model), training_items(options.data, options.model)
    before = listener.fingerprint
    embeddings = embed_items(listener, items)
    vectors = np.stack([one.mean("similarity") for one in embeddings])
    lineage.write_lineage(options.model, items, vectors, fingerprints=fingerprint_items(items))
    assert load(options.model).fingerprint == before, "the lineage must not be part of the fingerprint"
    size = sum((options.model / name).stat().st_size for name in (lineage.CLIPS, lineage.VECTORS, lineage.FINGERPRINTS))
    print(f"{options.model}: {len(items)} clips, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
