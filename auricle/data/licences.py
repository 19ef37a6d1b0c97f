"""Which clips may train shipped weights, and which may test a model.

Training: CC0, CC BY (any version), MIT, BSD, Apache-2.0 and public domain, by each clip's own licence. Tests: recordings only.
"""

from __future__ import annotations

import re

from auricle.data.corpora.clip_table import Row

#: Corpora for tests only: share-alike, or with licences per module instead of per file.
TEST_ONLY = frozenset({"fsdd", "minetest", "donateacry", "spatial", "test_copyleft"})

#: Corpora for training only: sounds that were made, which tell nothing about recordings.
TRAINING_ONLY = frozenset({"synthetic", "gm_instruments"})

_CLOSED = re.compile(
    r"share-?\s?alike|non-?\s?commercial|no-?\s?deriv|sampling|odbl|dbcl|gpl|see licen|(?<![a-z])(?:nc|sa|nd)(?![a-z])",
    re.IGNORECASE,
)
_OPEN = re.compile(r"cc-?\s?0|creative commons zero|public[ -]domain|cc[- ]by|creative commons attribution", re.IGNORECASE)
#: Licences of software under which sounds are published too; only where they come first: "captions MIT" says nothing about the sounds.
_PERMISSIVE = re.compile(r"(?:mit|bsd|apache)(?![a-z])", re.IGNORECASE)


def is_open(licence: str) -> bool:
    """True for CC0, CC BY, MIT, BSD, Apache and public domain; False for share-alike, non-commercial, Sampling+ and unclear licences."""
    return bool(_OPEN.search(licence) or _PERMISSIVE.match(licence)) and not _CLOSED.search(licence)


def is_trainable(row: Row) -> bool:
    """True where the licence of the row allows training of shipped weights."""
    return row.corpus not in TEST_ONLY and is_open(row.licence)


def is_testable(corpus: str) -> bool:
    """True where clips of the corpus may test a model; False for made sounds."""
    return corpus not in TRAINING_ONLY
