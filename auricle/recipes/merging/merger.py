"""Merger: models in memory, merged by one of the methods of auricle.models.merge."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from auricle.core.config import ModelConfig
from auricle.metrics.bootstrap import interval
from auricle.models.folder import skip_init
from auricle.models.merge import averages, batchnorm, fisher, regmean, task_vectors
from auricle.models.merge.join import join
from auricle.models.merge.layout import Group, Layout
from auricle.models.model import Model
from auricle.recipes.merging.config import DEFAULT_SCALE, MergeConfig
from auricle.recipes.merging.folders import Parent
from auricle.recipes.merging.labelled_features import LabelledFeatures, evaluate
from auricle.recipes.merging.statistics import Statistics, concatenate

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Merged:
    """Result of a merge. names: of the models in it, as given. notes: sentences. figures: metrics on the data, by name; empty without."""

    model: Model
    names: tuple[str, ...]
    notes: tuple[str, ...]
    figures: Mapping[str, float]


class Merger:
    """Parents, base and data of a merge in memory. data: none, one for all parents, or one per parent."""

    def __init__(
        self, parents: Sequence[Parent], config: MergeConfig, *, base: Parent | None = None, data: Sequence[LabelledFeatures] = ()
    ) -> None:
        self.parents, self.config, self.base, self.data = list(parents), config, base, list(data)
        self.statistics = Statistics(parents, config, data)

    def run(self, *, name: str) -> Merged:
        """Merge with the method of the config. name: of the merged model."""
        chosen = list(range(len(self.parents)))
        if self.config.method == "greedy":
            chosen = averages.greedy_soup(len(self.parents), lambda indices: self.score(self.merge(indices, name="soup")[0]))
        model, notes = self.merge(chosen, name=name)
        return Merged(model, tuple(self.parents[index].given for index in chosen), notes, self._figures(model, chosen))

    def merge(self, indices: Sequence[int], *, name: str, seed: int | None = None) -> tuple[Model, tuple[str, ...]]:
        """The model merged from some of the parents, and notes. seed: of what is drawn, the config's by default."""
        parents = [self.parents[index] for index in indices]
        layout = join([parent.config for parent in parents], name=name, base=None if self.base is None else self.base.config)
        merging = _Merging(self, indices, layout, torch.Generator().manual_seed(self.config.seed if seed is None else seed))
        state, config = merging.state(), layout.config
        if self.config.method == "emr":  # the model of one task has that task's outputs
            own = parents[self.config.task]
            config = ModelConfig(**{**dict(own.config), "name": name})
            state = {key: own.state[key] if key in layout.rows else state.get(key, own.state[key]) for key in own.state}
        with skip_init():
            model = Model(config)
        model.load_state_dict(state, strict=False)  # layout.names has checked that only counters of batch norms are missing
        model.eval().requires_grad_(False)
        notes = [*layout.notes, *merging.notes]
        if any((parent.folder / "captioner.json").is_file() for parent in parents):
            notes.append("caption decoders are left out")
        if batchnorm.batch_norms(model) and len(indices) > 1:
            if self.data:
                self.statistics.match_norms(model, merging.states, indices, merging.weights_of(range(len(indices))))
            else:
                notes.append("statistics of batch norms are averaged, which can make a model worse; give --data to match them")
        return model, tuple(dict.fromkeys(notes))

    def score(self, model: Model) -> float:
        """Mean of the metrics of a model on all data."""
        return float(np.mean(list(evaluate(model, concatenate(self.data)).values())))

    def _figures(self, model: Model, chosen: Sequence[int]) -> dict[str, float]:
        if not self.data or not any(item.labels for each in self.data for item in each.items):
            return {}
        figures = evaluate(model, concatenate(self.data))
        if self.config.draws > 1:
            models = (self.merge(chosen, name="draw", seed=self.config.seed + draw)[0] for draw in range(self.config.draws))
            scores = np.array([self.score(each) for each in models])
            low, high = interval(scores, seed=self.config.seed)
            figures |= {"mean_of_draws": float(scores.mean()), "mean_of_draws_low": low, "mean_of_draws_high": high}
        return figures


class _Merging:
    """One merge of some parents: indices of them, their layout, and the source of chance."""

    def __init__(self, merger: Merger, indices: Sequence[int], layout: Layout, generator: torch.Generator) -> None:
        self.merger, self.indices, self.layout, self.generator, self.config = merger, indices, layout, generator, merger.config
        self.states = [merger.statistics.matched(index) if self._is_matched(index) else merger.parents[index].state for index in indices]
        self.learned = {name for index in indices for name, _ in merger.parents[index].model.named_parameters()}
        self.notes: list[str] = []

    def _is_matched(self, index: int) -> bool:
        return self.config.method == "rebasin" and index > 0

    def state(self) -> dict[str, Tensor]:
        """The merged state, all tensors of the layout."""
        merged: dict[str, Tensor] = {}
        for group in self.layout.groups(self.states):
            for name, tensor in self._merge_group(group).items():
                rows = group.rows[name]
                if rows is None:
                    merged[name] = tensor
                else:
                    whole = merged.setdefault(name, tensor.new_zeros(len(self.layout.rows[name][0]), *tensor.shape[1:]))
                    whole[rows] = tensor
        return merged

    def _merge_group(self, group: Group) -> dict[str, Tensor]:
        """Tensors of a group: those that only one model has are copied; buffers are averaged; parameters are merged by the method."""
        states = self._select(group, self.states)
        if len(states) == 1:
            return states[0]
        weights = self.weights_of(group.members)
        merged = averages.linear(states, weights)
        learned = {name for name in merged if name in self.learned}
        parameters = [{name: tensor for name, tensor in state.items() if name in learned} for state in states]
        return merged | self._merge_parameters(group, parameters, weights)

    def _select(self, group: Group, tensors: Sequence[averages.State]) -> list[dict[str, Tensor]]:
        return [self.layout.select(group, tensors[member], member) for member in group.members]

    def weights_of(self, members: Sequence[int]) -> list[float] | None:
        """Weights of some of the models, None for equal ones."""
        config = self.config
        if config.method == "ema":
            return averages.exponential_weights(len(self.states), config.decay)
        if config.method == "slerp":
            return [1 - config.t, config.t]
        if not config.weights or config.method == "greedy":
            return None
        weights = averages.normalise_weights(config.weights, len(self.merger.parents))
        return [weights[self.indices[member]] for member in members]

    def _merge_parameters(self, group: Group, states: Sequence[averages.State], weights: list[float] | None) -> dict[str, Tensor]:
        merger, members = self.merger, [self.indices[member] for member in group.members]
        match self.config.method:
            case "slerp":
                return averages.slerp(states[0], states[1], self.config.t)
            case "fisher":
                information = self._by_member(merger.statistics.fisher_of, group)
                return fisher.fisher(states, information, weights)
            case "regmean":
                grams = [merger.statistics.grams_of(member) for member in members]
                return regmean.regmean(states, grams, shrink=self.config.shrink, weights=weights)
            case "task-arithmetic" | "ties" | "dare" | "emr":
                return self._merge_vectors(group, states, weights)
        return {}  # linear, greedy, rebasin, ema: the mean

    def _by_member(self, tensors_of: Callable[[int], Mapping[str, Tensor]], group: Group) -> list[dict[str, Tensor]]:
        """Tensors with the names and rows of the state, of each member of a group."""
        return [self.layout.select(group, tensors_of(self.indices[member]), member) for member in group.members]

    def _merge_vectors(self, group: Group, states: Sequence[averages.State], weights: list[float] | None) -> dict[str, Tensor]:
        """Parameters that the base has too; the others, such as rows of new labels, stay averaged."""
        assert self.merger.base is not None
        in_base = self.layout.select(group, self.merger.base.state, len(self.states))
        base = {name: tensor for name, tensor in in_base.items() if name in states[0] and tensor.shape == states[0][name].shape}
        if left := sorted(states[0].keys() - base.keys()):
            self.notes.append(f"{len(left)} tensors that the base lacks are averaged, such as {left[0]}")
        if not base:
            return {}
        config, vectors = self.config, task_vectors.task_vectors(base, states)
        if config.method == "emr":
            if self.merger.config.task not in group.members:
                return {}
            elected = task_vectors.elect_mask_rescale(vectors)
            return task_vectors.add_to_base(base, elected.vector(group.members.index(config.task)), config.scale or 1.0)
        if config.method == "dare":
            vectors = task_vectors.drop_and_rescale(vectors, drop=config.drop, generator=self.generator)
        if config.method == "ties" or (config.method == "dare" and config.combine == "ties"):
            density = config.density if config.method == "ties" else 1.0
            return task_vectors.add_to_base(base, task_vectors.ties(vectors, density=density, weights=weights), config.scale or 1.0)
        return task_vectors.add_to_base(base, task_vectors.task_arithmetic(vectors, weights), config.scale or DEFAULT_SCALE)
