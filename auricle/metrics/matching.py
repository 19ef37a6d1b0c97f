"""Maximum bipartite matching of reference and estimated events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def maximum_matching(allowed: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Largest set of allowed pairs (reference, estimate) that uses each index at most once.

    allowed: (R, E) bool. Augmenting paths (Kuhn 1955; Berge 1957): exact, and fast for the few events of a clip.
    """
    partner: dict[int, int] = {}
    for reference in range(len(allowed)):
        _augment(allowed, reference, partner, set())
    return sorted((reference, estimate) for estimate, reference in partner.items())


def _augment(allowed: NDArray[np.bool_], reference: int, partner: dict[int, int], visited: set[int]) -> bool:
    for estimate in np.flatnonzero(allowed[reference]).tolist():
        if estimate in visited:
            continue
        visited.add(estimate)
        if estimate not in partner or _augment(allowed, partner[estimate], partner, visited):
            partner[estimate] = reference
            return True
    return False
