"""OpenClonk's sounds: weather, fire, water, animals, buildings, weapons, voices; CC BY 3.0, some CC0.

Source: github.com/openclonk/openclonk, planet/Sound.ocg; authors are from its authors.txt. Voices of invented creatures have no label.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.assembled import published_clips, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip

FOLDER = "openclonk"
#: Authors that the table read wrongly from the lines of authors.txt that continue an entry: start of a source -> author.
AUTHORS = {
    "openclonk/Animals/Bat/": "ala",
    "openclonk/Animals/Chippie/Chirp": "OpenClonk contributors (authors.txt)",
    "openclonk/Animals/Monster/Die": "Ringwaul",
    "openclonk/Animals/Mooq/": "ala",
    "openclonk/Animals/Puka/Die": "OpenClonk contributors (authors.txt)",
    "openclonk/Clonk/Skin/": "ala",
    "openclonk/Clonk/Skin/Farmer/Die": "Clonkonaut",
    "openclonk/Clonk/Skin/Farmer/Hurt": "bennychico11",
    "openclonk/Environment/Vine/Grab": "ala",
    "openclonk/Hits/BucketHit": "ala",
    "openclonk/Hits/Materials/Wood/WoodHit": "HerbertBoland",
    "openclonk/Objects/Lorry/Dump": "ala",
    "openclonk/Objects/Pickaxe/Clang": "Ringwaul",
    "openclonk/Objects/Pickaxe/ClangHard": "K-Pone",
    "openclonk/Objects/WallKit/": "Sven2",
    "openclonk/Objects/Weapons/": "Checkmaty",
    "openclonk/Objects/Windbag/": "Ringwaul",
    "openclonk/Structures/Door": "ala",
    "openclonk/Structures/FinishBuilding": "ala",
    "openclonk/Structures/Repair": "ala",
    "openclonk/UI/UnCash": "ala",
    "freesound/158894": "primeval_polypod",
    "freesound/201260": "Sven2, after empraetorius",
}


def read(root: str | Path) -> list[Row]:
    """354 rows; variants of one sound (`Chop1`, `Chop2`) have one source."""
    return read_assembled(root, FOLDER, "openclonk", authors=AUTHORS)


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of openclonk/openclonk: the sounds of planet/Sound.ocg."""
    return published_clips(download, "openclonk")
