"""Licences that allow training of shipped weights: CC0, CC BY (any version) and public domain, by each clip's own licence."""

from __future__ import annotations

import re

from auricle.data.corpora.clip_table import Row

#: Corpora for tests only: share-alike, or with licences per module instead of per file.
TEST_ONLY = frozenset({"fsdd", "minetest", "donateacry", "spatial"})

_CLOSED = re.compile(
    r"share-?\s?alike|non-?\s?commercial|no-?\s?deriv|sampling|odbl|dbcl|gpl|see licen|(?<![a-z])(?:nc|sa|nd)(?![a-z])",
    re.IGNORECASE,
)
_OPEN = re.compile(r"cc-?\s?0|creative commons zero|public domain|cc[- ]by|creative commons attribution", re.IGNORECASE)


def is_open(licence: str) -> bool:
    """True for CC0, CC BY and public domain; False for share-alike, non-commercial, Sampling+ and unclear licences."""
    return bool(_OPEN.search(licence)) and not _CLOSED.search(licence)


def is_trainable(row: Row) -> bool:
    """True where the licence of the row allows training of shipped weights."""
    return row.corpus not in TEST_ONLY and is_open(row.licence)
