"""A synthetic sound: samples with labels, licence, and the settings that it was generated with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Sample rate of all generators, Hz. Clips are stored at half of it: what a generator aliases or rings near 16 kHz is filtered out.
RATE = 32_000

Samples: TypeAlias = NDArray[np.float64]
Settings: TypeAlias = Mapping[str, str | int | float]

#: Licence and author of sounds that this package computes itself.
OWN_LICENCE, OWN_AUTHOR = "CC0 1.0", "auricle"


@dataclass(frozen=True, eq=False)
class Sound:
    """A generated sound. samples: (N,) at RATE, on any scale. labels: plain names, general ones first.

    settings: what the generator drew, for the row of the clip. licence, author, url: those of what the sound was rendered from.
    source: speaker or melody that several clips share; empty where there is none.
    """

    samples: Samples
    labels: tuple[str, ...]
    settings: Settings = field(default_factory=dict)
    licence: str = OWN_LICENCE
    author: str = OWN_AUTHOR
    url: str = ""
    source: str = ""


#: A generator: random numbers and a length in seconds -> a sound of about that length.
Generator: TypeAlias = Callable[[np.random.Generator, float], Sound]
