"""Settings files of transformers' folders: every key is read, must have one value, or is known to change nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auricle.core.errors import ModelError

#: Keys of any preprocessor_config.json that change nothing here: clips are given one by one, and none is padded to another's length.
ANY_EXTRACTOR = frozenset({"processor_class", "padding_side", "return_attention_mask", "auto_map"})


@dataclasses.dataclass(frozen=True)
class Known:
    """Keys of one settings file of one format.

    read: keys that the format reads, or whose values the tensors' shapes give as well. wanted: keys that must have this value, since
    nothing else is built. irrelevant: keys that change nothing here, such as those of training.
    """

    read: frozenset[str]
    wanted: Mapping[str, Any]
    irrelevant: frozenset[str]

    @property
    def keys(self) -> frozenset[str]:
        """Every key."""
        return self.read | self.wanted.keys() | self.irrelevant

    def check(self, file: Path, found: Mapping[str, Any], **sized: object) -> None:
        """ModelError where a key has another value than wanted. sized: more such keys, whose values the rest of the checkpoint decides.

        Keys of config.json that are not known are none of the architecture's: transformers does not read them either.
        """
        for key, wanted in {**self.wanted, **sized}.items():
            if key in found and found[key] != wanted:
                raise ModelError(f"{file}: {key} is {found[key]!r}; wanted {wanted!r}, nothing else is built")


@dataclasses.dataclass(frozen=True)
class Extractor(Known):
    """Keys of preprocessor_config.json. Each of them may change the features, so that one that is not known is refused."""

    def check(self, file: Path, found: Mapping[str, Any], **sized: object) -> None:
        """ModelError where a key has another value than wanted or is not known."""
        super().check(file, found, **sized)
        unknown = sorted(found.keys() - self.keys - sized.keys() - ANY_EXTRACTOR)
        if unknown:
            key = unknown[0]
            raise ModelError(f"{file}: {key} is {found[key]!r}, which auricle does not know; if it changes no feature, take it out")
