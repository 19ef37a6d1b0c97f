"""Published numbers lie outside the repository: in AURICLE_PARITY, beside AURICLE_DATA or in ../shared of the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def parity() -> Path:
    """Folder with the parity material; skips where there is none."""
    checkout = Path(__file__).parents[2]
    places = [checkout / ".." / "shared" / "parity"]
    if "AURICLE_DATA" in os.environ:
        places.insert(0, Path(os.environ["AURICLE_DATA"]) / ".." / "parity")
    if "AURICLE_PARITY" in os.environ:
        places.insert(0, Path(os.environ["AURICLE_PARITY"]))
    for place in places:
        if place.is_dir():
            return place.resolve()
    pytest.skip("no parity material: set AURICLE_PARITY to its folder")
