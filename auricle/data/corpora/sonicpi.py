"""Sonic Pi's samples: drums, cymbals, tabla, bass, guitar, loops, electronic textures; CC0 (github.com/sonic-pi-net/sonic-pi)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.corpora.published import PublishedClip, find_path, list_files, without_number

FOLDER = "sonicpi_cc0"

#: Prefix of the file name -> labels; the longest match applies. Sounds that cannot be identified by ear have none.
WORDS: dict[str, tuple[str, ...]] = {
    "ambi_": (),
    "ambi_choir": ("music", "choir"),
    "ambi_dark_woosh": ("whoosh",),
    "ambi_piano": ("music", "piano"),
    "ambi_swoosh": ("whoosh",),
    "arovane_": ("music", "drum"),
    "bass_": ("music", "bass"),
    "bd_": ("music", "drum"),
    "drum_": ("music", "drum"),
    "drum_cowbell": ("music", "bell"),
    "drum_cymbal": ("music", "cymbal"),
    "drum_splash": ("music", "cymbal"),
    "elec_": ("electronic sound",),
    "elec_bell": ("music", "bell"),
    "elec_chime": ("music", "bell"),
    "elec_cymbal": ("music", "cymbal"),
    "elec_filt_snare": ("music", "drum"),
    "elec_fuzz_tom": ("music", "drum"),
    "elec_hi_snare": ("music", "drum"),
    "elec_hollow_kick": ("music", "drum"),
    "elec_lo_snare": ("music", "drum"),
    "elec_mid_snare": ("music", "drum"),
    "elec_snare": ("music", "drum"),
    "elec_soft_kick": ("music", "drum"),
    "elec_triangle": ("music", "bell"),
    "glitch_": ("electronic sound",),
    "guit_": ("music", "guitar"),
    "hat_": ("music", "cymbal"),
    "loop_": ("music",),
    "loop_3d_printer": (),
    "loop_amen": ("music", "drum"),
    "loop_breakbeat": ("music", "drum"),
    "loop_tabla": ("music", "drum", "tabla"),
    "mehackit_": ("electronic sound",),
    "misc_": (),
    "misc_burp": ("burp",),
    "misc_crow": ("crow",),
    "perc_": (),
    "perc_bell": ("music", "bell"),
    "perc_swash": ("whoosh",),
    "perc_swoosh": ("whoosh",),
    "perc_till": ("cash register",),
    "ride_": ("music", "cymbal"),
    "sn_": ("music", "drum"),
    "tabla_": ("music", "drum", "tabla"),
    "vinyl_": ("record scratch",),
    "vinyl_hiss": (),
}

#: Prefix of the file name -> the corpus's label; the drum kit (`drum_`) is labelled by the instrument.
LABELS = {
    "ambi": "ambient",
    "arovane": "drum_loop",
    "bass": "bass",
    "bd": "bass_drum",
    "elec": "electronic",
    "glitch": "glitch",
    "guit": "guitar",
    "hat": "hi_hat",
    "loop": "loop",
    "mehackit": "mehackit",
    "misc": "misc",
    "perc": "percussion",
    "ride": "ride_cymbal",
    "sn": "snare",
    "tabla": "tabla",
    "vinyl": "vinyl",
}


def read(root: str | Path) -> list[Row]:
    """195 rows; instruments have `music` and their own label."""
    return read_table(root, FOLDER, "sonicpi", _words)


def _words(row: Row) -> tuple[str, ...]:
    matching = [start for start in WORDS if row.path.stem.startswith(start)]
    return WORDS[max(matching, key=len)] if matching else ()


def published(download: Path) -> Iterator[PublishedClip]:
    """A clone of sonic-pi-net/sonic-pi; the README.md of the samples has the licence (CC0 for all) and the origin of most of them."""
    wanted = "a clone of github.com/sonic-pi-net/sonic-pi"
    folder = find_path(download, "etc/samples", wanted)
    addresses = dict(re.findall(r"^\* :(\w+)\s+- (https?://[^\s<]+)", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    for path in list_files(folder, "*.flac", wanted):
        start = path.stem.split("_")[0]
        yield PublishedClip(
            path=path,
            filename=f"audio/{path.stem}.flac",
            label=LABELS.get(start) or without_number(path.stem.split("_")[1]),
            source=path.stem,
            licence="CC0 1.0",
            author="Uwe Zahn (Arovane)" if start == "arovane" else "",
            url=addresses.get(path.stem, ""),
            rate=32000,
            seconds=12.0,
        )
