"""Settings of recipes: every one is documented, listed and can be set."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from auricle.train import registry
from auricle.train.settings import Setting, build_config, list_settings


@pytest.mark.parametrize("name", sorted(registry.list_recipes()))
def test_every_setting_of_a_recipe_has_a_meaning(name: str) -> None:
    listed = list(list_settings(registry.load(name).Config()))
    assert [setting.name for setting in listed if not setting.meaning] == []
    assert len({setting.name for setting in listed}) == len(listed)


def test_settings_show_what_was_set_and_what_can_be_set() -> None:
    config = build_config(registry.load("panns").Config, ['train.lora.targets=["fc"]', "batch=8"])
    listed = {setting.name: setting for setting in list_settings(config)}
    assert listed["batch"] == Setting("batch", "8", "clips per step", ())
    assert listed["data"].meaning == "a manifest with labels"  # of the recipe, not of its base
    assert listed["train.lora.targets"].value == '["fc"]' and listed["train.optimiser"].choices == ("adamw", "muon")
    plain = {setting.name: setting for setting in list_settings(registry.load("panns").Config())}
    assert plain["train.lora"].value == "null" and plain["train.lora.rank"].value == ""
