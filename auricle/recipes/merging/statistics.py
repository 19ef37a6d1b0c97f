"""Statistics of models on recordings that methods of merging need: Fisher information, Gram matrices, moments at batch norms."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from auricle.models.merge import batchnorm, fisher, permutations, rebasin, regmean
from auricle.models.merge.averages import State
from auricle.models.model import Model
from auricle.recipes.merging.config import MergeConfig
from auricle.recipes.merging.folders import Parent
from auricle.recipes.merging.labelled_features import LabelledFeatures, on_device

log = logging.getLogger(__name__)


class Statistics:
    """Statistics of parents, each computed once. data: none, one for all parents, or one per parent."""

    def __init__(self, parents: Sequence[Parent], config: MergeConfig, data: Sequence[LabelledFeatures]) -> None:
        self.parents, self.config, self.data = list(parents), config, list(data)

    def data_of(self, index: int) -> LabelledFeatures:
        """At most `clips` clips for the statistics of one parent."""
        data = self.data[index if len(self.data) > 1 else 0]
        return data.draw(self.config.clips, seed=self.config.seed)

    @functools.cache  # noqa: B019  a merger lives as long as its command
    def fisher_of(self, index: int) -> Mapping[str, Tensor]:
        """Fisher information of a parent on its data."""
        log.info("Fisher information of %s", self.parents[index].config.name)
        generator = torch.Generator().manual_seed(self.config.seed)
        data = self.data_of(index)
        with on_device(self.parents[index].model, data.device) as model:
            return fisher.fisher_diagonal(model, data.clips(), generator=generator)

    @functools.cache  # noqa: B019
    def grams_of(self, index: int) -> Mapping[str, Tensor]:
        """Gram matrices of a parent's layers on its data."""
        log.info("Gram matrices of %s", self.parents[index].config.name)
        data = self.data_of(index)
        with on_device(self.parents[index].model, data.device) as model:
            return regmean.gram_matrices(model, data.clips())

    @functools.cache  # noqa: B019
    def matched(self, index: int) -> Mapping[str, Tensor]:
        """State of a parent with its units in the order of the first parent's."""
        first, other = self.parents[0], self.parents[index]
        generator = torch.Generator().manual_seed(self.config.seed)
        return rebasin.match_weights(first.state, other.state, permutations.symmetries(other.model), generator=generator)

    def match_norms(self, model: Model, states: Sequence[State], indices: Sequence[int], weights: Sequence[float] | None) -> None:
        """Match the statistics of batch norms of a merged model to those of some of the parents, in place.

        states: of these parents, in the order of their units in the merged model. On clips of all manifests; for emr those of its task.
        """
        config = self.config
        if config.method == "emr":
            weights = [float(place == config.task) for place in range(len(indices))]
        data = [self.data[config.task]] if config.method == "emr" and len(self.data) > 1 else self.data
        batch = concatenate([each.draw(max(1, config.batch // len(data)), seed=config.seed) for each in data]).tiled()
        moments = []
        for index, state in zip(indices, states, strict=True):
            with on_device(self.parents[index].model, batch.device) as parent:
                moments.append(batchnorm.normalised_moments(parent, state, batch))
        with on_device(model, batch.device):
            batchnorm.match(model, batch, moments, weights)


def concatenate(data: Sequence[LabelledFeatures]) -> LabelledFeatures:
    """The clips of several manifests, one or more, on the device of the first."""
    return LabelledFeatures([item for each in data for item in each.items], [row for each in data for row in each.features], data[0].device)
