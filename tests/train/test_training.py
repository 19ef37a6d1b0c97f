"""Training: composed batches carry true labels, decisions calibrate, and a killed run goes on as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auricle.core.config import CosineCalibration, LogitCalibration, ModelConfig, Window, of_heads  # noqa: E402
from auricle.data.cache import FLOOR_DB, FeatureBank  # noqa: E402
from auricle.models.encoders.convolutional import ConvConfig  # noqa: E402
from auricle.models.model import Model  # noqa: E402
from auricle.nn.losses.scores import presence, shared_cross_entropy  # noqa: E402
from auricle.nn.losses.vectors import words_contrast  # noqa: E402
from auricle.train import checkpoint  # noqa: E402
from auricle.train.calibrate import Decisions, Lines, fit_lines  # noqa: E402
from auricle.train.compose import ComposeConfig, Composer  # noqa: E402
from auricle.train.fit import FitConfig, fit  # noqa: E402
from auricle.train.muon import Muon, orthogonal  # noqa: E402

PLAIN = ComposeConfig(equaliser_db=0.0, mask_frames=0, mask_mels=0, band_limit_share=0.0)


def bank() -> FeatureBank:
    """Eight clips of 60 frames: clip i sounds in bands 8 i to 8 i + 7, in frames 20 to 39."""
    features = np.full((8, 60, 64), FLOOR_DB, np.float16)
    active = np.zeros((8, 60), bool)
    for i in range(8):
        features[i, 20:40, 8 * i : 8 * i + 8] = -20.0
        active[i, 20:40] = True
    return FeatureBank((1.0,), [features.reshape(-1, 64)], [np.arange(9) * 60], [active.reshape(-1)], np.full(8, -11.0, np.float32))


def composer(config: ComposeConfig = PLAIN) -> Composer:
    """Clips 0 to 5 are events of their own label, 6 and 7 unlabelled backgrounds."""
    labels = [(i,) for i in range(6)] + [(), ()]
    return Composer(bank(), labels, pool=range(6), backgrounds=[6, 7], vocabulary=6, config=config)


def test_truth_lies_where_the_sound_is() -> None:
    batch = composer().batch(np.random.default_rng(0), size=64, frames=64)
    loud = batch["features"].reshape(64, 16, 4, 8, 8).amax(dim=(2, 4)) > -60.0  # (B, T / 4, bands of a label)
    assert torch.equal(batch["frames"].gt(0), loud[:, :, :6])
    assert torch.equal(batch["clip"].bool(), batch["frames"].gt(0).any(dim=1))


def test_shares_sum_to_one_and_follow_the_level() -> None:
    batch = composer(ComposeConfig(scene_share=0.0, single_share=0.0, equaliser_db=0.0)).batch(np.random.default_rng(1), size=64, frames=64)
    labelled = batch["share"].sum(dim=1)
    assert torch.allclose(labelled[labelled > 0], torch.ones(int((labelled > 0).sum())))


def test_one_seed_one_batch() -> None:
    first, second = (composer(ComposeConfig()).batch(np.random.default_rng(5), size=8, frames=32) for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_losses_on_numbers_worked_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0]])
    assert shared_cross_entropy(logits, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(np.log(1 + np.exp(-2)), abs=1e-6)
    assert presence(logits, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(np.log(1 + np.exp(-2)) + np.log(2), abs=1e-6)
    words = torch.eye(2)
    value = words_contrast(torch.tensor([[3.0, 0.0]]), words, torch.tensor([[1.0, 0.0]]), temperature=0.5)
    assert value.item() == pytest.approx(np.log(1 + np.exp(-2)), abs=1e-6)


def test_fitted_lines_recover_the_odds() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (4000, 2))
    chance = 1 / (1 + np.exp(-(0.5 * logits + np.array([-1.0, 1.0]))))
    lines = fit_lines(logits, rng.random((4000, 2)) < chance)
    assert lines.scale == pytest.approx(0.5, abs=0.05)
    assert lines.bias == pytest.approx([-1.0, 1.0], abs=0.15)


def test_decisions_stand_in_the_config_under_the_part_that_they_are_for() -> None:
    clip, frame = (Lines(np.full(2, scale, np.float32), np.array([bias, 0], np.float32)) for scale, bias in ((2.0, -1.0), (0.5, 3.0)))
    found = Decisions(clip, frame, 0.3, 0.7, (6.0, -2.0)).applied(config(["a", "b"]))
    assert found.clip is not None and found.frame is not None and found.text is not None
    assert found.clip.calibration == LogitCalibration(scale=(2.0, 2.0), bias=(-1.0, 0.0)) and found.clip.thresholds == (0.3, 0.3)
    assert found.frame.calibration == LogitCalibration(scale=(0.5, 0.5), bias=(3.0, 0.0)) and found.frame.thresholds == (0.7, 0.7)
    assert found.text.calibration == CosineCalibration(scale=6.0, bias=-2.0) and found.text.threshold == 0.5


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_an_orthogonal_update_keeps_directions_and_levels_their_sizes(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2)) * torch.logspace(0, -1, shape[1])
    update = orthogonal(matrix)
    sizes = torch.linalg.svdvals(update)
    assert sizes.min() > 0.5 and sizes.max() < 1.3
    exact = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.nn.functional.cosine_similarity(update.flatten(), (exact.U @ exact.Vh).flatten(), dim=0) > 0.97


def test_muon_treats_a_kernel_as_its_matrix() -> None:
    kernel = torch.nn.Parameter(torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(3)).to(memory_format=torch.channels_last))
    matrix = torch.nn.Parameter(kernel.detach().flatten(1).clone())
    for weight in (kernel, matrix):
        optimiser = Muon([weight], lr=0.1, weight_decay=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            weight.square().sum().backward()
            optimiser.step()
    assert torch.allclose(kernel.flatten(1), matrix, atol=1e-6)


def small() -> Model:
    """A model that trains in a moment."""
    torch.manual_seed(0)
    return Model(config([str(place) for place in range(6)]))


def config(labels: list[str]) -> ModelConfig:
    encoder = ConvConfig(widths=(4, 8, 8, 12, 16), size=24).model_dump(mode="json")
    window = Window(seconds=5.0, hop=4.4, pad="zero", shortest=2.0)
    return of_heads(name="small", frontend="auricle-16k", encoder=encoder, labels=labels, dim=10, rate=12.5, window=window)


def run(path: Path, epochs: int, stop: int | None = None) -> list[torch.Tensor]:
    """Weights after training; stop: the run is killed as soon as that epoch has been saved."""

    def report(line: str) -> None:
        if stop is not None and line.startswith(f"epoch {stop}/"):
            raise KeyboardInterrupt

    config = FitConfig(epochs=epochs, epoch_clips=32, batch=16, frames=64, short_frames=32, average=0.9)
    words = torch.nn.functional.normalize(torch.randn(6, 10, generator=torch.Generator().manual_seed(1)), dim=-1)
    try:
        averaged = fit(small(), composer(ComposeConfig()), words, config, seed=3, path=path, report=report)
    except KeyboardInterrupt:
        return []
    return [value.clone() for value in averaged.state_dict().values()]


def test_a_killed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole.pt", 3)
    assert run(tmp_path / "cut.pt", 3, stop=2) == []
    resumed = run(tmp_path / "cut.pt", 3)
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))


def test_it_learns_to_tell_bands_apart(tmp_path: Path) -> None:
    model, losses = small(), []
    config = FitConfig(epochs=6, epoch_clips=256, batch=16, frames=64, short_frames=32, average=0.9, rate=1e-2)
    words = torch.nn.functional.normalize(torch.randn(6, 10, generator=torch.Generator().manual_seed(1)), dim=-1)
    fit(
        model,
        composer(),
        words,
        config,
        seed=0,
        path=tmp_path / "c.pt",
        report=lambda line: losses.append(float(line.split("event ")[1].split()[0])),
    )
    assert losses[-1] < 0.6 * losses[0]


def test_a_checkpoint_is_whole_or_absent(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.pt", {"epoch": 1})
    with pytest.raises(AttributeError):
        checkpoint.save(tmp_path / "a.pt", {"epoch": lambda: None})
    assert checkpoint.load(tmp_path / "a.pt") == {"epoch": 1}
