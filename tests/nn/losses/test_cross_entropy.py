from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.nn.losses.cross_entropy import multilabel_cross_entropy, soft_cross_entropy  # noqa: E402
from auricle.nn.losses.label_contrast import label_info_nce  # noqa: E402


def test_losses_on_numbers_worked_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0]])
    assert soft_cross_entropy(logits, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(np.log(1 + np.exp(-2)), abs=1e-6)
    assert multilabel_cross_entropy(logits, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(
        np.log(1 + np.exp(-2)) + np.log(2), abs=1e-6
    )
    words = torch.eye(2)
    value = label_info_nce(torch.tensor([[3.0, 0.0]]), words, torch.tensor([[1.0, 0.0]]), temperature=0.5)
    assert value.item() == pytest.approx(np.log(1 + np.exp(-2)), abs=1e-6)
