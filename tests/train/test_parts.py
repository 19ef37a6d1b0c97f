"""Parts of training: freezing, learning-rate scales of layers, schedules, and LoRA adapters that can be merged."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from auricle.core.errors import InputError  # noqa: E402
from auricle.train import lora  # noqa: E402
from auricle.train.config import TrainConfig  # noqa: E402
from auricle.train.freeze import freeze, set_train_mode  # noqa: E402
from auricle.train.lora import LoraConfig  # noqa: E402
from auricle.train.muon import Muon  # noqa: E402
from auricle.train.optimiser import layer_lr_scales, make_optimisers  # noqa: E402
from auricle.train.schedule import lr_factor  # noqa: E402


class Tower(nn.Module):
    """An entry, two blocks with norms, and an exit."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Linear(4, 6)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)) for _ in range(2)])
        self.exit = nn.Linear(6, 3)


def model() -> nn.ModuleDict:
    generator = torch.Generator().manual_seed(0)
    found = nn.ModuleDict({"sound": Tower(), "words": nn.Embedding(5, 3)})
    for parameter in found.parameters():
        nn.init.uniform_(parameter, -1, 1, generator=generator)
    return found


def test_frozen_parts_learn_nothing_and_stay_as_they_are() -> None:
    found = model()
    freeze(found, [r"blocks\.0", "^words"])
    frozen = {name for name, parameter in found.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name in dict(found.named_parameters()) if "blocks.0" in name or name.startswith("words")}
    set_train_mode(found)
    assert not found["sound"].blocks[0][1].training and found["sound"].blocks[1][1].training and found.training


def test_a_pattern_that_fits_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"freeze pattern 'block_0' matches none of 13 names, such as sound.entry.weight"):
        freeze(model(), ["block_0"])
    with pytest.raises(InputError, match="not a valid regular expression"):
        freeze(model(), ["("])
    with pytest.raises(InputError, match="lora target pattern 'query' matches none"):
        lora.apply_lora(model(), LoraConfig(targets=("query",)), seed=0)
    with pytest.raises(InputError, match="none is a linear layer"):
        lora.apply_lora(model(), LoraConfig(targets=("^words",)), seed=0)


def test_deeper_layers_learn_more_slowly() -> None:
    lr_scales = layer_lr_scales(model(), 0.5)
    wanted = {"sound.entry": 0.125, "sound.blocks.0": 0.25, "sound.blocks.1": 0.5, "sound.exit": 1.0, "words": 1.0}
    for start, lr_at in wanted.items():
        assert {value for name, value in lr_scales.items() if name.startswith(f"{start}.")} == {lr_at}, start
    assert len(lr_scales) == 13
    assert layer_lr_scales(nn.ModuleDict({"model": model(), "objective": nn.Linear(2, 2)}), 0.5) == {
        **{f"model.{name}": lr_at for name, lr_at in lr_scales.items()},
        "objective.weight": 1.0,
        "objective.bias": 1.0,
    }


def test_norms_and_biases_do_not_decay() -> None:
    (adam,) = make_optimisers(model(), TrainConfig(weight_decay=0.1, layer_decay=0.5))
    for group in adam.param_groups:
        assert all((parameter.ndim > 1) == (group["weight_decay"] == 0.1) for parameter in group["params"])
    assert sum(len(group["params"]) for group in adam.param_groups) == 13


def test_muon_gets_the_matrices_of_blocks_alone() -> None:
    found = model()
    muon, adam = make_optimisers(found, TrainConfig(optimiser="muon"))
    assert isinstance(muon, Muon)
    assert {id(parameter) for group in muon.param_groups for parameter in group["params"]} == {
        id(found["sound"].blocks[place][0].weight) for place in range(2)
    }
    assert sum(len(group["params"]) for group in adam.param_groups) == 11


def test_nothing_to_learn_is_refused() -> None:
    found = model()
    freeze(found, ["."])
    with pytest.raises(InputError, match="every parameter is frozen"):
        make_optimisers(found, TrainConfig())


def test_schedules_rise_and_fall() -> None:
    for schedule, half, end in (("cosine", 0.5 * 1.1, 0.1), ("linear", 0.5 * 1.1, 0.1), ("constant", 1.0, 1.0)):
        told = [lr_factor(schedule, done, warmup_fraction=0.2, min_lr_fraction=0.1) for done in (0.1, 0.2, 0.6, 1.0)]
        assert told == pytest.approx([0.5, 1.0, half, end])
    assert lr_factor("linear", 0.0, warmup_fraction=0.0, min_lr_fraction=0.0) == 1.0


def test_an_adaptation_starts_as_nothing_and_merges_within_rounding() -> None:
    linear, x = nn.Linear(6, 5), torch.randn(7, 6, generator=torch.Generator().manual_seed(1))
    holder = nn.ModuleDict({"one": linear, "two": nn.Linear(6, 5)})
    before = linear(x)
    lora.apply_lora(holder, LoraConfig(targets=("^one$",), rank=2, alpha=4.0, modules_to_save=(r"two\.bias",)), seed=0)
    learning = {name for name, parameter in holder.named_parameters() if parameter.requires_grad}
    assert learning == {"one.down", "one.up", "two.bias"}
    adapted = holder["one"]
    assert torch.equal(adapted(x), before)
    nn.init.uniform_(adapted.up, -1, 1)
    moved, weight = adapted(x), adapted.weight.clone()
    assert (moved - before - 2.0 * x @ adapted.down.T @ adapted.up.T).abs().max() < 1e-5
    lora.merge(holder)
    assert (adapted(x) - moved).abs().max() < 1e-5
    lora.merge(holder, undo=True)
    assert (adapted.weight - weight).abs().max() < 1e-6 and (adapted(x) - moved).abs().max() < 1e-5
    lora.merge_and_unload(holder)
    assert isinstance(holder["one"], nn.Linear) and set(holder.state_dict()) == {"one.weight", "one.bias", "two.weight", "two.bias"}
    assert (holder["one"](x) - moved).abs().max() < 1e-5


def test_muon_passes_over_what_no_loss_came_by() -> None:
    used, unused = (torch.nn.Parameter(torch.ones(4, 4)) for _ in range(2))
    optimiser = Muon([used, unused], lr=0.1, weight_decay=0.1)
    (used.sum() ** 2).backward()
    optimiser.step()
    assert not torch.equal(used, torch.ones(4, 4)) and torch.equal(unused, torch.ones(4, 4))
