"""Pairing references with estimates: as many pairs as possible, each side used once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def maximum_matching(allowed: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Largest set of pairs (reference, estimate) such that each index is used once and every pair is allowed.

    allowed: (R, E) bool. Augmenting paths (Kuhn 1955; Berge 1957): exact, and quick for the few events that a clip holds.
    """
    partner: dict[int, int] = {}
    for reference in range(len(allowed)):
        _augment(allowed, reference, partner, set())
    return sorted((reference, estimate) for estimate, reference in partner.items())


def _augment(allowed: NDArray[np.bool_], reference: int, partner: dict[int, int], seen: set[int]) -> bool:
    for estimate in np.flatnonzero(allowed[reference]).tolist():
        if estimate in seen:
            continue
        seen.add(estimate)
        if estimate not in partner or _augment(allowed, partner[estimate], partner, seen):
            partner[estimate] = reference
            return True
    return False
