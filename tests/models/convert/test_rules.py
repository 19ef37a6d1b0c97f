from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.convert.rules import Ignore, Join, Rename, translate  # noqa: E402

RULES = (
    Rename(r"module\.(\w+)\.weight", r"encoder.\1.weight"),
    Rename(r"turned", "encoder.turned", change=lambda tensor: tensor.T),
    Join((r"(b\d)\.query", r"(b\d)\.key", r"(b\d)\.value"), r"encoder.\1.qkv"),
    Ignore(r".*position_ids", "a constant"),
)


def test_every_name_goes_where_its_rule_says() -> None:
    ones = torch.ones(2, 3)
    found = translate(
        {
            "module.a.weight": ones,
            "turned": ones,
            "b0.value": 3 * ones,
            "b0.query": ones,
            "b0.key": 2 * ones,
            "x.position_ids": ones,
            "stranger": ones,
        },
        RULES,
    )
    assert set(found.tensors) == {"encoder.a.weight", "encoder.turned", "encoder.b0.qkv"}
    assert found.tensors["encoder.turned"].shape == (3, 2)
    assert found.tensors["encoder.b0.qkv"][:, 0].tolist() == [1, 1, 2, 2, 3, 3]  # query, key, value, whatever their order in the file
    assert found.ignored == {"x.position_ids": "a constant"} and found.unexpected == ("stranger",)


def test_a_part_of_a_join_that_is_missing_leaves_the_whole_missing() -> None:
    found = translate({"b0.query": torch.ones(1), "b0.key": torch.ones(1)}, RULES)
    assert not found.tensors and not found.unexpected


def test_a_name_matches_whole_or_not_at_all() -> None:
    assert translate({"module.a.weight.extra": torch.ones(1)}, RULES).unexpected == ("module.a.weight.extra",)


def test_two_tensors_never_become_one() -> None:
    with pytest.raises(ModelError, match=r"two published tensors become 'same'"):
        translate({"a": torch.ones(1), "b": torch.ones(1)}, [Rename("a|b", "same")])
