"""Merging: each method by hand or by another way to the same number, joined labels, and permutations that change no output."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from encoders.test_masks import SMALL, clip, made  # noqa: E402

from auricle.core.config import CLIP_LOGITS, LogitCalibration, ModelConfig, Output, encoder_config  # noqa: E402
from auricle.core.errors import InputError  # noqa: E402
from auricle.models.encoders.factory import FAMILIES  # noqa: E402
from auricle.models.merge import averages, batchnorm, permutations, rebasin, regmean, similarity, task_vectors  # noqa: E402
from auricle.models.merge import fisher as fisher_merging  # noqa: E402
from auricle.models.merge.join import join  # noqa: E402
from auricle.models.model import Model  # noqa: E402
from auricle.recipes.recipe_config import make_model_config  # noqa: E402

A = {"w": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "b": torch.tensor([1.0, -1.0])}
B = {"w": torch.tensor([[3.0, 2.0], [-1.0, 0.0]]), "b": torch.tensor([5.0, 1.0])}
C = {"w": torch.tensor([[0.5, -2.0], [1.0, 1.0]]), "b": torch.tensor([0.0, 3.0])}
BASE = {"w": torch.tensor([[1.0, 1.0], [1.0, 1.0]]), "b": torch.tensor([0.0, 0.0])}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def vectors(*rows: Sequence[float]) -> list[dict[str, torch.Tensor]]:
    return [{"v": torch.tensor(row, dtype=torch.float64)} for row in rows]


def model_config(name: str = "a", *, encoder: dict[str, Any] | None = None, **fields: Any) -> ModelConfig:
    settings = encoder or SMALL["convolutional"]
    return encoder_config(
        name=name, source="", frontend=settings.get("frontend", "auricle-16k"), window=1.0, encoder=settings, dim=settings["size"], **fields
    )


def with_labels(name: str, labels: Sequence[str], *, activation: str = "softmax", output: str = CLIP_LOGITS, **more: Any) -> Model:
    config = model_config(name)
    scores = Output(kind="clip_scores", head="linear", labels=tuple(labels), activation=activation, **more)  # type: ignore[arg-type]
    torch.manual_seed(len(name) + len(labels))
    return Model(ModelConfig(**{**dict(config), "outputs": {**config.outputs, output: scores}})).eval()


def same(one: Any, other: Any, *, within: float = 1e-6) -> bool:
    assert one.keys() == other.keys()
    return all(torch.allclose(one[name].double(), other[name].double(), atol=within, rtol=within) for name in one)


def merged_by(method: str, states: list[Any]) -> Any:
    """A state merged by each method with settings that drop nothing."""
    deltas = task_vectors.task_vectors(BASE, states)
    information = [{name: torch.ones_like(tensor).double() * (1 + i) for name, tensor in s.items()} for i, s in enumerate(states)]
    grams = [{"w": torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)} for _ in states]
    return {
        "linear": lambda: averages.linear(states),
        "slerp": lambda: averages.slerp(states[0], states[-1]),
        "task arithmetic": lambda: task_vectors.add_to_base(BASE, task_vectors.task_arithmetic(deltas), 1 / len(states)),
        "ties": lambda: task_vectors.add_to_base(BASE, task_vectors.ties(deltas, density=1.0), 1.0),
        "dare": lambda: task_vectors.add_to_base(
            BASE, task_vectors.ties(task_vectors.drop_and_rescale(deltas, drop=0.0, generator=generator()), density=1.0), 1.0
        ),
        "emr": lambda: task_vectors.add_to_base(BASE, task_vectors.elect_mask_rescale(deltas).vector(0), 1.0),
        "fisher": lambda: fisher_merging.fisher(states, information),
        "regmean": lambda: regmean.regmean(states, grams),
        "greedy": lambda: averages.linear([states[i] for i in averages.greedy_soup(len(states), lambda indices: float(len(indices)))]),
    }[method]()


METHODS = ("linear", "slerp", "task arithmetic", "ties", "dare", "emr", "fisher", "regmean", "greedy")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [2, 3])
def test_a_model_merged_with_itself_is_itself(method: str, count: int) -> None:
    assert same(merged_by(method, [A] * count), A)


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("slerp", "emr", "fisher")])
def test_the_order_of_models_does_not_matter(method: str) -> None:
    wanted = merged_by(method, [A, B, C])
    assert all(same(merged_by(method, list(order)), wanted) for order in itertools.permutations([A, B, C]))


def test_linear_weights_are_ratios() -> None:
    assert same(averages.linear([A, B], [1.0, 0.0]), A, within=0) and same(averages.linear([A, B], [0.0, 2.0]), B, within=0)
    assert averages.linear([A, B], [3.0, 1.0])["b"].tolist() == [2.0, -0.5]
    for weights in ([1.0], [0.0, 0.0], [1.0, -1.0], [1.0, math.nan]):
        with pytest.raises(InputError, match="wanted 2 numbers"):
            averages.linear([A, B], weights)


def test_slerp_stays_on_the_sphere() -> None:
    one, other = {"v": torch.tensor([2.0, 0.0])}, {"v": torch.tensor([0.0, 2.0])}
    third = averages.slerp(one, other, 1 / 3)["v"]
    assert torch.allclose(third, 2 * torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)]))
    assert same(averages.slerp(A, B, 0.3), averages.slerp(B, A, 0.7)) and same(averages.slerp(A, B, 0.0), A)
    with pytest.raises(InputError, match="t is 2"):
        averages.slerp(A, B, 2)


def test_a_greedy_soup_keeps_what_does_not_lower_the_score() -> None:
    scores = {(0,): 0.5, (1,): 0.8, (2,): 0.7, (1, 2): 0.75, (1, 0): 0.8}
    assert averages.greedy_soup(3, lambda indices: scores[tuple(indices)]) == [1, 0]


def test_exponential_weights_are_those_of_a_running_average() -> None:
    values, average = [3.0, -1.0, 4.0, 10.0], 3.0
    for value in values[1:]:
        average = 0.8 * average + 0.2 * value
    weights = averages.exponential_weights(4, 0.8)
    assert sum(weights) == pytest.approx(1.0) and sum(w * v for w, v in zip(weights, values, strict=True)) == pytest.approx(average)


def test_task_arithmetic_adds_the_vectors() -> None:
    deltas = task_vectors.task_vectors(BASE, [A, B])
    assert task_vectors.add_to_base(BASE, task_vectors.task_arithmetic(deltas), 0.5)["b"].tolist() == [3.0, 0.0]
    assert task_vectors.add_to_base(BASE, task_vectors.task_arithmetic(deltas, [1.0, 0.0]), 0.5)["b"].tolist() == [1.0, -1.0]


def test_ties_trims_elects_and_averages_what_agrees() -> None:
    one, other = [4.0, -1.0, 2.0, 0.1], [3.0, 2.0, -5.0, 0.2]
    assert task_vectors.ties(vectors(one, other), density=1.0)["v"].tolist() == pytest.approx([3.5, 2.0, -5.0, 0.15])
    assert task_vectors.ties(vectors(one, other), density=0.5)["v"].tolist() == pytest.approx([3.5, 0.0, -5.0, 0.0])
    # with weight 3 to 1 the third entry is elected positive: 3 * 2 > 5
    assert task_vectors.ties(vectors(one, other), density=1.0, weights=[3.0, 1.0])["v"].tolist() == pytest.approx([3.75, -1.0, 2.0, 0.125])


def test_dare_drops_a_share_and_keeps_the_mean() -> None:
    ones = [{"v": torch.ones(200_000, dtype=torch.float64)}]
    dropped = task_vectors.drop_and_rescale(ones, drop=0.8, generator=generator(1))[0]["v"]
    assert dropped.unique().tolist() == pytest.approx([0.0, 5.0])
    assert dropped.mean() == pytest.approx(1.0, abs=0.02) and (dropped == 0).double().mean() == pytest.approx(0.8, abs=0.01)
    again = task_vectors.drop_and_rescale(ones, drop=0.8, generator=generator(1))[0]["v"]
    assert torch.equal(dropped, again) and not torch.equal(
        dropped, task_vectors.drop_and_rescale(ones, drop=0.8, generator=generator(2))[0]["v"]
    )


def test_emr_elects_masks_and_rescales() -> None:
    elected = task_vectors.elect_mask_rescale(vectors([4.0, -1.0, 2.0], [3.0, 2.0, -5.0]))
    assert elected.unified["v"].tolist() == [4.0, 2.0, -5.0]
    assert [mask["v"].tolist() for mask in elected.masks] == [[True, False, False], [True, True, True]]
    assert elected.rescalers == pytest.approx([7 / 4, 10 / 11])
    assert elected.vector(0)["v"].tolist() == pytest.approx([7.0, 0.0, 0.0])


def test_fisher_counts_a_weight_by_its_information() -> None:
    information = [{"b": torch.tensor([3.0, 0.0]).double()}, {"b": torch.tensor([1.0, 0.0]).double()}]
    merged = fisher_merging.fisher([A, B], information)
    assert merged["b"].tolist() == pytest.approx([2.0, 0.0], abs=1e-5) and torch.equal(merged["w"], averages.linear([A, B])["w"])


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_fisher_information_of_a_bias_is_the_variance_of_its_label(activation: str) -> None:
    model = with_labels("a", ["x", "y", "z"], activation=activation)
    features = -50.0 + 15.0 * torch.randn(1, 8, 64, generator=generator())
    logits = model(features)[CLIP_LOGITS][0].detach().double()
    p = logits.sigmoid() if activation == "sigmoid" else logits.softmax(dim=0)
    found = fisher_merging.fisher_diagonal(model, [features] * 200, generator=generator())
    assert torch.allclose(found[f"heads.{CLIP_LOGITS}.bias"], p * (1 - p), rtol=0.25)
    assert found["encoder.wide.weight"].sum() > 0 and not any(parameter.requires_grad for parameter in model.parameters())
    with pytest.raises(InputError, match="no clip_scores"):
        fisher_merging.fisher_diagonal(Model(model_config()), [features], generator=generator())


def test_regmean_is_the_least_squares_fit_of_all_outputs() -> None:
    torch.manual_seed(0)
    layers, inputs = [torch.nn.Linear(4, 3) for _ in range(2)], [torch.randn(50, 4) @ torch.randn(4, 4) for _ in range(2)]
    grams = [regmean.gram_matrices(torch.nn.Sequential(layer), [x[:20], x[20:]]) for layer, x in zip(layers, inputs, strict=True)]
    states = [torch.nn.Sequential(layer).state_dict() for layer in layers]
    merged = regmean.regmean(states, grams, shrink=1.0)
    targets = torch.cat([x @ layer.weight.T for layer, x in zip(layers, inputs, strict=True)]).detach()
    assert torch.allclose(merged["0.weight"].T, torch.linalg.lstsq(torch.cat(inputs), targets).solution, atol=1e-4)
    assert torch.allclose(merged["0.bias"], (layers[0].bias + layers[1].bias) / 2)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (torch.nn.Conv2d(3, 5, (3, 2), (2, 1), padding=(1, 0)), (2, 3, 9, 6)),
        (torch.nn.Conv1d(3, 5, 3, 2, padding=1, dilation=2), (2, 3, 11)),
    ],
)
def test_rows_of_a_convolution_give_its_outputs(layer: Any, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=generator())
    rows = regmean._rows(layer, x)
    wanted = (layer(x) - layer.bias.view(1, -1, *[1] * (x.ndim - 2))).flatten(2).transpose(1, 2).flatten(0, 1)
    assert torch.allclose(rows @ layer.weight.flatten(1).T, wanted, atol=1e-5)


def test_inputs_that_are_always_zero_are_averaged() -> None:
    grams = [{"w": torch.diag(torch.tensor([1.0, 0.0])).double()}, {"w": torch.diag(torch.tensor([3.0, 0.0])).double()}]
    merged = regmean.regmean([A, B], grams)["w"]
    assert torch.allclose(merged[:, 0], (A["w"][:, 0] + 3 * B["w"][:, 0]) / 4, atol=1e-5) and torch.allclose(
        merged[:, 1], torch.tensor([2.0, 2.0])
    )


def test_matched_norms_give_the_mean_of_the_parents_moments() -> None:
    models, batch = [Model(model_config()) for _ in range(3)], -50.0 + 15.0 * torch.randn(6, 40, 64, generator=generator())
    for seed, model in enumerate(models):
        torch.manual_seed(seed)
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5 if name.endswith("running_var") else 0.3 * torch.randn_like(tensor))
    merged, *parents = models
    moments = [batchnorm.normalised_moments(parent, parent.state_dict(), batch) for parent in parents]
    before = {name: tensor.clone() for name, tensor in merged.state_dict().items()}
    batchnorm.match(merged, batch, moments, [3.0, 1.0])
    encoder: Any = merged.encoder
    x = encoder.stem.conv(encoder.normalise(batch, None))  # a direct pass through the first norm
    found = (x - encoder.stem.norm.running_mean.view(1, -1, 1, 1)) / (encoder.stem.norm.running_var + encoder.stem.norm.eps).sqrt().view(
        1, -1, 1, 1
    )
    own = [each["encoder.stem.norm"] for each in moments]
    assert torch.allclose(found.mean(dim=(0, 2, 3)).double(), 0.75 * own[0][0] + 0.25 * own[1][0], atol=1e-4)
    assert torch.allclose(found.std(dim=(0, 2, 3), unbiased=False).double(), 0.75 * own[0][1] + 0.25 * own[1][1], rtol=1e-3)
    after = batchnorm.normalised_moments(merged, merged.state_dict(), batch)
    for name, (mean, deviation) in after.items():
        wanted = [0.75 * moments[0][name][part] + 0.25 * moments[1][name][part] for part in (0, 1)]
        assert torch.allclose(mean, wanted[0], atol=1e-3) and torch.allclose(deviation, wanted[1], atol=1e-3), name
    changed = {name for name, tensor in merged.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all("running_" in name for name in changed) and not merged.training


def test_equal_parents_keep_their_statistics_on_any_data() -> None:
    model = model_of("mobilenet mlp")
    batch = clip(model.encoder, 100)[None]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    batchnorm.match(model, batch, [batchnorm.normalised_moments(model, before, batch)] * 2)
    assert same(dict(model.state_dict()), before, within=1e-3)


def test_cka_is_that_of_kernels_and_ignores_rotations() -> None:
    x, y = torch.randn(30, 5, generator=generator()).double(), torch.randn(30, 7, generator=generator(1)).double()
    centre = torch.eye(30).double() - 1 / 30
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    assert similarity.linear_cka(x, y) == pytest.approx(float((k * m).sum() / (k.norm() * m.norm())))
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=generator()).double()).Q
    assert similarity.linear_cka(x, 3 * x @ rotation + 1) == pytest.approx(1.0)


def test_cosines_are_of_whole_blocks() -> None:
    one, other = (
        {"e.a": torch.tensor([1.0, 0.0]), "e.b": torch.tensor([2.0]), "h": torch.zeros(2)},
        {"e.a": torch.tensor([0.0, 1.0]), "e.b": torch.tensor([2.0]), "h": torch.zeros(2)},
    )
    assert similarity.block_cosines(one, other, block=lambda name: name[0]) == {"e": pytest.approx(4 / 5), "h": 1.0}


# --- permutations ------------------------------------------------------------------------------------------------------------------

PERMUTED = sorted(name for name, settings in SMALL.items() if settings["family"] in permutations.FAMILIES)


def model_of(name: str) -> Model:
    model = Model(make_model_config(SMALL[name], name=name, window=1.0, projection="relu", dim=6))
    model.encoder = made(name)
    return model.eval()


@pytest.mark.parametrize("name", PERMUTED)
def test_a_permuted_model_gives_the_same_outputs(name: str) -> None:
    model = model_of(name)
    features = clip(model.encoder, 100)[None]
    before, found = model(features, outputs=("embedding", "similarity", "frames")), permutations.symmetries(model)
    state, rng = dict(model.state_dict()), generator()
    for symmetry in found:
        sizes = {axis.size(state) for axis in symmetry}
        assert len(sizes) == 1, symmetry
        state = permutations.permute(state, symmetry, torch.randperm(sizes.pop(), generator=rng))
    assert sum(not torch.equal(state[key], tensor) for key, tensor in model.state_dict().items()) >= 4
    model.load_state_dict(state)
    after = model(features, outputs=("embedding", "similarity", "frames"))
    assert same(after, before, within=2e-4)
    encoded = model.encode(features)
    assert encoded.clip_logits is None or torch.isfinite(encoded.clip_logits).all()


@pytest.mark.parametrize("name", ["convolutional", "mobilenet mlp", "cnn14", "gated", "audiomae"])
def test_matching_undoes_a_permutation(name: str) -> None:
    pytest.importorskip("scipy")
    model = model_of(name)
    state, permuted, rng = dict(model.state_dict()), dict(model.state_dict()), generator(5)
    for symmetry in permutations.symmetries(model):
        permuted = permutations.permute(permuted, symmetry, torch.randperm(symmetry[0].size(state), generator=rng))
    assert not same(permuted, state)
    matched = rebasin.match_weights(state, permuted, permutations.symmetries(model), generator=generator())
    assert same(matched, state)


def test_layers_of_other_labels_are_reordered_but_not_compared() -> None:
    pytest.importorskip("scipy")
    model = model_of("mobilenet mlp")
    state, found = dict(model.state_dict()), permutations.symmetries(model)
    hidden = next(each for each in found if each[0].name == "encoder.head.hidden.weight")
    permuted = permutations.permute(state, hidden, torch.randperm(hidden[0].size(state), generator=generator()))
    permuted["encoder.head.label.weight"] = permuted["encoder.head.label.weight"][:2]
    matched = rebasin.match_weights(state, permuted, found, generator=generator())
    assert torch.equal(matched["encoder.head.label.weight"], state["encoder.head.label.weight"][:2])
    state["encoder.head.label.weight"] = matched["encoder.head.label.weight"]
    assert same(matched, state)


def test_other_families_are_refused_by_name() -> None:
    assert set(FAMILIES) - set(permutations.FAMILIES) == {"htsat", "wavegram", "panns-mobilenet", "leaf"}
    with pytest.raises(InputError, match="'htsat'"):
        permutations.symmetries(model_of("htsat"))


# --- labels ------------------------------------------------------------------------------------------------------------------------


def joined(models: Sequence[Model], *, weights: Sequence[float] | None = None) -> Model:
    layout = join([model.config for model in models], name="merged")
    states, merged = [model.state_dict() for model in models], {}
    for group in layout.groups(states):
        parts = [layout.select(group, states[index], index) for index in group.members]
        own = None if weights is None else [weights[index] for index in group.members]
        for name, tensor in averages.linear(parts, own).items():
            rows = group.rows[name]
            if rows is None:
                merged[name] = tensor
            else:
                merged.setdefault(name, torch.full((len(layout.rows[name][0]), *tensor.shape[1:]), torch.nan))[rows] = tensor
    model = Model(layout.config)
    missing = model.load_state_dict(merged, strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing)
    return model.eval()


FEATURES = -50.0 + 15.0 * torch.randn(3, 40, 64, generator=generator(9))


def test_labels_of_both_answer_as_in_their_parents_when_the_encoder_is_equal() -> None:
    one, other = with_labels("one", ["dog", "cat"]), with_labels("other", ["cat", "piano", "drum"])
    other.encoder.load_state_dict(one.encoder.state_dict())
    merged = joined([one, other])
    assert merged.config.labels == ("dog", "cat", "piano", "drum")
    found, first, second = (model(FEATURES)[CLIP_LOGITS] for model in (merged, one, other))
    assert torch.allclose(found[:, 0], first[:, 0], atol=1e-5) and torch.allclose(found[:, 2:], second[:, 1:], atol=1e-5)
    assert torch.allclose(found[:, 1], (first[:, 1] + second[:, 0]) / 2, atol=1e-5)
    assert any("exclude each other" in note for note in join([one.config, other.config], name="m").notes)


def test_outputs_of_different_names_are_kept() -> None:
    one, other = with_labels("one", ["dog", "cat"]), with_labels("other", ["one", "two"], activation="sigmoid", output="digits")
    other.encoder.load_state_dict(one.encoder.state_dict())
    outputs = joined([one, other])(FEATURES)
    assert torch.allclose(outputs[CLIP_LOGITS], one(FEATURES)[CLIP_LOGITS], atol=1e-5)
    assert torch.allclose(outputs["digits"], other(FEATURES)["digits"], atol=1e-5)


@pytest.mark.parametrize(
    "name", ["cnn14", "cnn14 attention", "mobilenet mlp", "mobilenet convolutional", "convnext", "audiomae", "beats", "gated"]
)
def test_labels_of_the_encoders_own_head_are_joined(name: str) -> None:
    models = []
    for labels in (["a", "b", "c", "d", "e"], ["e", "f", "a"]):
        settings = {**SMALL[name], "labels": len(labels)}
        torch.manual_seed(1)
        config = make_model_config(settings, name=name, window=1.0, labels=labels)
        models.append(Model(config).eval())
    shared = {key: t for key, t in models[0].state_dict().items() if key in (s := models[1].state_dict()) and s[key].shape == t.shape}
    models[1].load_state_dict(shared, strict=False)
    features = clip(models[0].encoder, 100)[None]
    merged, first, second = (model(features)[CLIP_LOGITS][0] for model in (joined(models), *models))
    assert joined(models).config.labels == ("a", "b", "c", "d", "e", "f")
    assert torch.allclose(merged[1:4], first[1:4], atol=1e-4) and torch.allclose(merged[5], second[1], atol=1e-4)


def test_labels_that_cannot_be_told_apart_in_a_tensor_are_refused() -> None:
    settings = [{**SMALL["mobilenet attention"], "labels": count} for count in (2, 3)]
    configs = [make_model_config(each, name=str(i), window=1.0, labels=list("abc")[: i + 2]) for i, each in enumerate(settings)]
    with pytest.raises(InputError, match=r"encoder.head.project.weight holds the labels"):
        join(configs, name="m")


def test_calibrations_are_carried_by_label_or_dropped_with_a_note() -> None:
    def calibrated(name: str, labels: Sequence[str], scale: Sequence[float]) -> ModelConfig:
        own = LogitCalibration(scale=tuple(scale), bias=tuple(10 * s for s in scale))
        return with_labels(name, labels, activation="sigmoid", calibration=own, thresholds=tuple(s / 10 for s in scale)).config

    one, other = calibrated("one", ["a", "b"], [1.0, 2.0]), calibrated("other", ["b", "c"], [4.0, 5.0])
    output = join([one, other], name="m").config.outputs[CLIP_LOGITS]
    assert output.calibration is not None and output.calibration.scale == (1.0, 3.0, 5.0) and output.calibration.bias == (10.0, 30.0, 50.0)
    assert output.thresholds == pytest.approx((0.1, 0.3, 0.5))
    plain = join([one, with_labels("plain", ["b"], activation="sigmoid").config], name="m")
    assert plain.config.outputs[CLIP_LOGITS].calibration is None and any("dropped" in note for note in plain.notes)
    soft = [
        with_labels(n, n, calibration=LogitCalibration(scale=(s,) * len(n), bias=(0.0,) * len(n))).config
        for n, s in (("ab", 1.0), ("bcd", 2.0))
    ]
    assert join(soft, name="m").config.outputs[CLIP_LOGITS].calibration == LogitCalibration(scale=(1.5,) * 4, bias=(0.0,) * 4)


def changed(config: ModelConfig, **fields: Any) -> ModelConfig:
    return ModelConfig(**{**dict(config), "name": "other", **fields})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: changed(c, frontend="panns-16k"), "frontend is 'auricle-16k' in a and 'panns-16k' in other"),
        (lambda c: changed(c, encoder={**c.encoder, "size": 24}), "encoder.size is 20 in a and 24 in other"),
        (lambda c: changed(c, encoder=SMALL["gated"]), "encoder.family is 'convolutional' in a and 'gated' in other"),
        (lambda c: with_labels("other", ["x"], activation="sigmoid").config, "activation is 'softmax' in a and 'sigmoid' in other"),
    ],
)  # fmt: skip
def test_the_setting_that_differs_is_named(change: Any, words: str) -> None:
    config = with_labels("a", ["x", "y"]).config
    with pytest.raises(InputError, match=words):
        join([config, change(config)], name="m")


def test_defaults_of_an_encoder_equal_the_same_values_written_out() -> None:
    config = with_labels("a", ["x", "y"]).config
    assert join([config, changed(config, encoder={**config.encoder, "range_db": 80.0, "dropout": 0.5})], name="m").notes == ()
    with pytest.raises(InputError, match=r"encoder.range_db is 80.0 in a and 60.0 in other"):
        join([config, changed(config, encoder={**config.encoder, "range_db": 60.0})], name="m")


def test_the_tensor_whose_shape_differs_is_named() -> None:
    models = [with_labels("one", ["a"]), with_labels("other", ["a"])]
    states = [dict(model.state_dict()) for model in models]
    states[1]["encoder.wide.weight"] = torch.zeros(20, 7)
    with pytest.raises(InputError, match=r"tensor encoder.wide.weight has shape \(20, 32\) in one model and \(20, 7\)"):
        join([model.config for model in models], name="m").groups(states)


def test_windows_that_differ_are_noted() -> None:
    config = with_labels("a", ["x"]).config
    wider = changed(config, window=config.window.model_copy(update={"seconds": 2.0, "shortest": 2.0}))
    layout = join([config, wider], name="m")
    assert layout.config.window == config.window and layout.notes == ("window differs: that of a is used, not that of other",)
