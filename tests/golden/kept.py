"""What auricle 0.1 made (an archive with a taught class, fitted heads, scales, model folders of format 1) and what it answered with them.

    python tests/golden/kept.py > tests/golden/before/answers.json    with the code that made them; tests/test_kept.py compares

The archive was made of the examples in /sounds, with a note each:
    auricle index table.csv --archive sounds.archive
    auricle teach "our siren" --yes siren.ogg@0-5 --yes siren.ogg@5-10 --no rain.ogg --archive sounds.archive, then --no bells.ogg
Since then one thing has changed: words that mean a label are searched by the score of that label alone, so the hits of "words" and "not"
are those of the code that changed it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import auricle
from auricle.archive.search import Query, Searcher
from auricle.archive.store import Archive
from auricle.listen.heads import Heads
from auricle.listen.scale import Scale
from auricle.listen.zeroshot import ZeroShot

BEFORE = Path(__file__).parent / "before"
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CLASSES = ("siren", "church bells", "rain")


def archive(into: Path) -> Path:
    """The kept archive, unpacked."""
    with zipfile.ZipFile(BEFORE / "sounds.archive.zip") as packed:
        packed.extractall(into)
    return into / "sounds.archive"


def answers(folder: Path) -> dict[str, Any]:
    """Everything that is asked of what is kept. folder: where the archive may be unpacked."""
    listener = auricle.load(runtime="onnx")
    told: dict[str, Any] = {"fingerprint": {"auricle-tiny": listener.fingerprint}}
    opened = Archive.open(archive(folder))
    opened.check_model(listener)
    searcher = Searcher(opened, listener)
    queries = {
        "words": Query(text="rain on a roof"),
        "not": Query(text="siren", unwanted=("church bells",)),
        "taught": Query(taught="our siren"),
    }
    told["hits"] = {name: [_hit(hit) for hit in searcher.search(query, k=10)] for name, query in queries.items()}
    told["files"] = {name: row["notes"] for name, row in sorted(opened.files().items())}
    siren = str(EXAMPLES / "siren.ogg")
    heads = Heads.load(BEFORE / "heads.safetensors")
    heads.check(listener)
    told["heads"] = _labels(listener.listen(siren, heads=heads).labels)
    for question in ("one", "any"):
        scaled = ZeroShot(listener, CLASSES, scales=[Scale.load(BEFORE / f"scale_{question}.json")])
        found = scaled.classify([siren], question=question)[0]  # type: ignore[arg-type]
        told[f"scale {question}"] = [found.asked.calibration, _labels(found.labels)]
    for name, runtime in (("tagger", "torch-fp32"), ("tagger-graphs", "onnx")):
        model = auricle.load(BEFORE / name, runtime)
        told["fingerprint"][name] = model.fingerprint
        told[name] = _labels(model.listen(siren).tags)
    return told


def _hit(hit: Any) -> list[Any]:
    return [hit.file, hit.onset, hit.offset, round(hit.score, 6)]


def _labels(labels: Any) -> dict[str, float]:
    return {one.label: round(one.score, 6) for one in labels}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        json.dump(answers(Path(scratch)), sys.stdout, indent=1)
        print()
