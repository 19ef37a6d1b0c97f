"""The command that uses the model of a finished run, ready to be pasted."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from auricle.core.model_files import read_config
from auricle.data.item import Item

_LABELS = 4  # zero-shot labels in a command, at most


def next_command(folder: Path, items: Sequence[Item], data: Path | None, *, tasks: Sequence[str] = ()) -> str:
    """The command that applies folder/model to one of its training items; empty where the run wrote no model.

    data: the manifest of the items, None for synthetic sounds. tasks: files of tasks that the model was trained for. A model with labels of
    its own analyses a recording; one with a text tower classifies it among labels or captions of the items; on the embeddings of any other
    a linear probe is trained where items have labels.
    """
    model = folder / "model"
    if not (model / "config.json").is_file():
        return ""
    config = read_config(model / "config.json")
    sounds = [item for item in items if not item.member]
    recording = relative(sounds[0].audio) if sounds else "RECORDING.wav"
    if any(output.kind != "vectors" for output in config.outputs.values()):
        words = ["auricle", "listen", recording, "--model", str(model), *(word for task in tasks for word in ("--task", task))]
    elif config.text is not None:
        words = ["auricle", "classify", recording, "--labels", _zero_shot_labels(items), "--model", str(model)]
    elif len(sounds) == len(items) and any(item.labels for item in items):
        given = [] if data is None else ["--set", f"data={data}"]
        words = ["auricle", "train", "linear-probe", *given, "--set", f"model={model}", "--output", str(folder / "probe")]
    else:
        words = ["auricle", "embed", recording, "--json", "--model", str(model)]
    return shlex.join(words)


def _zero_shot_labels(items: Sequence[Item]) -> str:
    """The value of --labels: labels of the first items, or captions where they have none."""
    labels = [label for item in items for label in item.labels or [caption.text for caption in item.captions[:1]]]
    quoted = [f'"{label}"' if "," in label else label for label in dict.fromkeys(label.replace('"', "") for label in labels)]
    return ", ".join(quoted[:_LABELS]) or "speech, music"


def relative(path: Path) -> str:
    """The path from the working folder where the file is in it, else as it is."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
