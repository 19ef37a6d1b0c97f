"""Check of the config files of transformers: every key is read, must have a required value, or is irrelevant."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auricle.core.errors import ModelError

#: Keys of any preprocessor_config.json without effect here: features are computed clip by clip, without padding to a batch.
ANY_EXTRACTOR = frozenset({"processor_class", "padding_side", "return_attention_mask", "auto_map"})


@dataclasses.dataclass(frozen=True)
class ConfigKeys:
    """Keys of one config file of one format.

    read: keys that the format uses, or whose values follow from tensor shapes. required: keys with the only supported value.
    irrelevant: keys without effect on inference, such as those of training.
    """

    read: frozenset[str]
    required: Mapping[str, Any]
    irrelevant: frozenset[str]

    @property
    def keys(self) -> frozenset[str]:
        """All keys."""
        return self.read | self.required.keys() | self.irrelevant

    def check(self, file: Path, config: Mapping[str, Any], **sized: object) -> None:
        """Raise ModelError where a key has an unsupported value. sized: further required keys, whose values follow from the checkpoint.

        Unknown keys of config.json are accepted: transformers ignores them too.
        """
        for key, value in {**self.required, **sized}.items():
            if key in config and config[key] != value:
                raise ModelError(f"{file}: {key} is {config[key]!r}; wanted {value!r}, other values are not supported")


@dataclasses.dataclass(frozen=True)
class ExtractorKeys(ConfigKeys):
    """Keys of preprocessor_config.json. Any key may change the features, so unknown ones are rejected."""

    def check(self, file: Path, config: Mapping[str, Any], **sized: object) -> None:
        """Raise ModelError where a key is unknown or has an unsupported value."""
        super().check(file, config, **sized)
        unknown = sorted(config.keys() - self.keys - sized.keys() - ANY_EXTRACTOR)
        if unknown:
            key = unknown[0]
            raise ModelError(f"{file}: {key} is {config[key]!r}, an unknown key; remove it if it does not change the features")
