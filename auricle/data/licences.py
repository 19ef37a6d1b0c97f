"""Which clips may train weights that are shipped: CC0, CC BY (any version) and public domain, by each clip's own licence."""

from __future__ import annotations

import re

from auricle.data.corpora.clip_table import Row

#: Corpora that are only ever tested on: share-alike, or licences given by module and not by file.
TEST_ONLY = frozenset({"fsdd", "minetest", "donateacry", "spatial"})

_CLOSED = re.compile(
    r"share-?\s?alike|non-?\s?commercial|no-?\s?deriv|sampling|odbl|dbcl|gpl|see licen|(?<![a-z])(?:nc|sa|nd)(?![a-z])",
    re.IGNORECASE,
)
_OPEN = re.compile(r"cc-?\s?0|creative commons zero|public domain|cc[- ]by|creative commons attribution", re.IGNORECASE)


def is_open(licence: str) -> bool:
    """True for CC0, CC BY and public domain; False for share-alike, non-commercial, Sampling+ and whatever is unclear."""
    return bool(_OPEN.search(licence)) and not _CLOSED.search(licence)


def trainable(row: Row) -> bool:
    """True where the row's own licence lets it train weights that are shipped."""
    return row.corpus not in TEST_ONLY and is_open(row.licence)
