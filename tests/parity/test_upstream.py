"""Published code beside ours on the weights that it made itself: the whole chain from waveform to vector.

Needs the published repositories and an interpreter that has what they import, named by AURICLE_UPSTREAM (a folder of clones, named
OWNER+NAME) and AURICLE_UPSTREAM_PYTHON; docs/parity.md tells how to make both. Skipped without them.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.models.convert import checkpoint_file  # noqa: E402
from auricle.models.convert.convert import load_checkpoint  # noqa: E402
from auricle.models.convert.format import BANK, WINDOW  # noqa: E402
from auricle.models.model import Model  # noqa: E402
from auricle.runtime.tokenizer import TextTokenizer  # noqa: E402
from auricle.signal.crop import fit  # noqa: E402
from auricle.signal.frontend import open_frontend  # noqa: E402

HERE = Path(__file__).parent
SCRIPTS = sorted(path for path in (HERE / "upstream").glob("*.py") if (HERE / "keys" / f"{path.stem}.json").is_file())
#: Relative difference (L2) that single precision leaves between two orders of the same sums.
CLOSE = 1e-4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("AURICLE_UPSTREAM"), reason="AURICLE_UPSTREAM names no folder of published repositories"),
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_same_numbers(script: Path, tmp_path: Path) -> None:
    for name, difference in compare(script, tmp_path).items():
        assert difference <= CLOSE, (name, difference)


def compare(script: Path, folder: Path) -> dict[str, float]:
    """Relative differences by what is compared; `folder` takes what the script makes."""
    python = os.environ.get("AURICLE_UPSTREAM_PYTHON", "python3")
    done = subprocess.run([python, str(script), os.environ["AURICLE_UPSTREAM"], str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    source = next(path for path in sorted(folder.iterdir()) if path.name.startswith("checkpoint"))
    expected = np.load(folder / "expected.npz")
    model, frontend, _ = load_checkpoint(checkpoint_file.read(source), name=script.stem)
    own = {name: frontend[key].numpy() for name, key in (("bank", BANK), ("window", WINDOW)) if key in frontend}
    ears = open_frontend(model.config.frontend, **own)
    assert int(expected["rate"]) == ears.rate
    samples = fit(expected["samples"], round(model.config.window.seconds * ears.rate), model.config.window.pad)
    with torch.inference_mode():
        outputs = model(torch.from_numpy(ears.features(samples)[None]))
    ours = {"pooled": outputs["similarity"], "embedding": outputs["embedding"]}
    if "clip_logits" in outputs:
        ours |= {"clip": outputs["clip_logits"], "probabilities": outputs["clip_logits"].sigmoid()}
    told = {name: apart(ours[name][0].numpy(), expected[name]) for name in ours if name in expected}
    if "texts" in expected:
        told["text"] = apart(_words(model, folder / "tokenizer.json", [str(text) for text in expected["texts"]]), expected["text"])
    return told


def _words(model: Model, tokenizer: Path, texts: list[str]) -> np.ndarray:
    """Vectors of texts (n, E), not unit."""
    assert model.config.text is not None
    ids, mask = TextTokenizer(tokenizer, model.config.text.tower).encode(texts)
    return np.asarray(model.embed_tokens(torch.from_numpy(ids), torch.from_numpy(mask)).numpy())


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """|one - other| / |other|, L2."""
    return float(np.linalg.norm(one.ravel() - other.ravel()) / np.linalg.norm(other.ravel()))


def test_lists_and_scripts_belong_together() -> None:
    lists = {path.stem: json.loads(path.read_text()) for path in (HERE / "keys").glob("*.json")}
    assert len(lists) == len(SCRIPTS)
    for name, listed in lists.items():
        assert (HERE / "upstream" / Path(listed["made_by"]).name).is_file(), name
