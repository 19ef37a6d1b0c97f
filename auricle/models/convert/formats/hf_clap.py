"""CLAP as transformers saves it: ClapModel folders, with fusion or without it."""

from __future__ import annotations

from auricle.models.convert.formats import htsat
from auricle.models.convert.rules import Ignore, Join, Rename, Rule

_PREFIX = r"audio_model\.audio_encoder\."
_BLOCK = rf"{_PREFIX}layers\.(\d+)\.blocks\.(\d+)\."
_TARGET = r"encoder.stages.\1.blocks.\2."


def _join(part: str) -> Join:
    return Join(tuple(rf"{_BLOCK}attention\.self\.{name}\.{part}" for name in ("query", "key", "value")), f"{_TARGET}attention.qkv.{part}")


AUDIO: tuple[Rule, ...] = (
    Ignore(rf"{_BLOCK}attention\.self\.relative_position_index", "a table that the sizes decide"),
    _join("weight"),
    _join("bias"),
    Rename(rf"{_BLOCK}attention\.self\.relative_position_bias_table", f"{_TARGET}attention.bias"),
    Rename(rf"{_BLOCK}attention\.output\.dense\.(\w+)", rf"{_TARGET}attention.proj.\3"),
    Rename(rf"{_BLOCK}layernorm_before\.(\w+)", rf"{_TARGET}norm1.\3"),
    Rename(rf"{_BLOCK}layernorm_after\.(\w+)", rf"{_TARGET}norm2.\3"),
    Rename(rf"{_BLOCK}intermediate\.dense\.(\w+)", rf"{_TARGET}fc1.\3"),
    Rename(rf"{_BLOCK}output\.dense\.(\w+)", rf"{_TARGET}fc2.\3"),
    Rename(rf"{_PREFIX}batch_norm\.(\w+)", r"encoder.bn0.\1"),
    *htsat.fusion(rf"{_PREFIX}patch_embed\.", rf"{_PREFIX}patch_embed\.fusion_model\."),
    *htsat.encoder(_PREFIX),
)
