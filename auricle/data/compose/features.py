"""Training batches composed in the mel-power domain, where independent sounds add: mixes of two clips, and scenes over a background.

Every source carries its labels and active frames, so one batch has targets for the clip head, the frame head and the joint embedding.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from auricle.data.compose.feature_bank import FLOOR_DB, FeatureBank


@dataclasses.dataclass(frozen=True)
class ComposeConfig:
    """Parameters of the batches. Shares are probabilities, levels dB; masks as in SpecAugment (Park et al. 2019, arXiv:1904.08779)."""

    scene_share: float = 0.3
    single_share: float = 0.3
    mix_db: float = 6.0
    event_db: tuple[float, float] = (-10.0, 0.0)
    background_db: tuple[float, float] = (-30.0, -6.0)
    most_events: int = 3
    equaliser_db: float = 3.0
    mask_frames: int = 16
    mask_mels: int = 8
    band_limit_share: float = 0.15
    audible_db: float = -25.0


@dataclasses.dataclass
class Source:
    """A sound of a sample: power (T, F), active frames (T,), the clip's label indices, its level in dB."""

    power: np.ndarray
    active: np.ndarray
    labels: Sequence[int]
    gain: float


class Composer:
    """Draws training samples from a feature bank.

    labels[i]: vocabulary indices of clip i (empty for a clip that is only a background). pool: clips to draw as events, balanced over
    labels. backgrounds: clips to draw as backgrounds of scenes. vocabulary: number of labels.
    """

    def __init__(
        self,
        bank: FeatureBank,
        labels: list[tuple[int, ...]],
        *,
        pool: Sequence[int],
        backgrounds: Sequence[int],
        vocabulary: int,
        config: ComposeConfig,
    ) -> None:
        self.bank, self.labels, self.config, self.vocabulary = bank, labels, config, vocabulary
        self.backgrounds = list(backgrounds)
        by_label: dict[int, list[int]] = {}
        for clip in pool:
            for label in labels[clip]:
                by_label.setdefault(label, []).append(clip)
        self._clips = [by_label[label] for label in sorted(by_label)]
        # Square root of the count, up to 30 clips: rare labels are drawn less than common ones, but more than in proportion.
        weight = np.sqrt(np.minimum([len(clips) for clips in self._clips], 30))
        self._label_cumulative = np.cumsum(weight / weight.sum())
        self._bands = bank.features[0].shape[1]

    def batch(self, rng: np.random.Generator, *, size: int, frames: int) -> dict[str, np.ndarray]:
        """Draw a batch of `size` samples of `frames` frames (a multiple of 4), float32.

        features (B, T, F) dB; share (B, K) sums to one in samples with a label; clip (B, K) and frames (B, T / 4, K): presence in 0..1.
        """
        features = np.empty((size, frames, self._bands), np.float32)
        share = np.zeros((size, self.vocabulary), np.float32)
        clip = np.zeros((size, self.vocabulary), np.float32)
        truth = np.zeros((size, frames, self.vocabulary), np.float32)
        for i in range(size):
            sources = self._scene(rng, frames) if rng.random() < self.config.scene_share else self._mix(rng, frames)
            features[i] = self._render(rng, sources)
            self._add_targets(sources, share[i], clip[i], truth[i])
        coarse = truth.reshape(size, frames // 4, 4, self.vocabulary).mean(axis=2)
        return {"features": features, "share": share, "clip": clip, "frames": coarse}

    def _draw(self, rng: np.random.Generator) -> int:
        label = int(np.searchsorted(self._label_cumulative, rng.random()))
        clips = self._clips[min(label, len(self._clips) - 1)]
        return clips[int(rng.integers(len(clips)))]

    def _mix(self, rng: np.random.Generator, frames: int) -> list[Source]:
        """One clip, or two with a random level between them: between-class mixing (Tokozume et al. 2018, arXiv:1711.10282) in power."""
        count = 1 if rng.random() < self.config.single_share else 2
        difference = float(np.clip(rng.normal(0.0, self.config.mix_db), -20.0, 20.0)) if count == 2 else 0.0
        return [self._crop(rng, self._draw(rng), frames, gain=sign * difference / 2) for sign in (1, -1)[:count]]

    def _scene(self, rng: np.random.Generator, frames: int) -> list[Source]:
        """One to three events at random onsets over a background, which may have labels itself."""
        low, high = self.config.background_db
        background = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
        sources = [self._crop(rng, background, frames, gain=float(rng.uniform(low, high)))]
        for _ in range(int(rng.integers(1, self.config.most_events + 1))):
            sources.append(self._event(rng, self._draw(rng), frames, gain=float(rng.uniform(*self.config.event_db))))
        return sources

    def _crop(self, rng: np.random.Generator, clip: int, frames: int, *, gain: float) -> Source:
        """A segment of `frames` frames around a random active frame; a shorter clip is put at a random position."""
        features, active = self.bank.clip(clip, int(rng.integers(len(self.bank.speeds))))
        spare = len(features) - frames
        if spare > 0:
            sounding = np.flatnonzero(active)
            focus = int(rng.choice(sounding)) if sounding.size else int(rng.integers(len(features)))
            start = int(np.clip(focus - rng.integers(frames), 0, spare))
            return self._place(features[start : start + frames], active[start : start + frames], clip, frames, at=0, gain=gain)
        return self._place(features, active, clip, frames, at=int(rng.integers(-spare + 1)), gain=gain)

    def _event(self, rng: np.random.Generator, clip: int, frames: int, *, gain: float) -> Source:
        """One active segment of the clip at a random onset; it may be cut off at the end of the sample."""
        features, active = self.bank.clip(clip, int(rng.integers(len(self.bank.speeds))))
        edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False]))))
        if not edges.size:
            return self._crop(rng, clip, frames, gain=gain)
        choice = int(rng.integers(edges.size // 2))
        span = slice(int(edges[2 * choice]), int(edges[2 * choice + 1]))
        length = span.stop - span.start
        if length > frames:
            start = span.start + int(rng.integers(length - frames // 2))
            span = slice(start, min(start + frames, span.stop))
            length = span.stop - span.start
        at = int(rng.integers(0, max(1, frames - min(length, frames // 2))))
        keep = min(length, frames - at)
        span = slice(span.start, span.start + keep)
        return self._place(features[span], active[span], clip, frames, at=at, gain=gain)

    def _place(self, features: np.ndarray, active: np.ndarray, clip: int, frames: int, *, at: int, gain: float) -> Source:
        power = np.zeros((frames, self._bands), np.float32)
        # Clips are normalised to one loudness first, so that gain is the level relative to the other sources.
        scale = gain - float(self.bank.level[clip])
        power[at : at + len(features)] = _from_db(features.astype(np.float32) + np.float32(scale))
        sounding = np.zeros(frames, bool)
        sounding[at : at + len(active)] = active
        return Source(power=power, active=sounding, labels=self.labels[clip], gain=gain)

    def _render(self, rng: np.random.Generator, sources: list[Source]) -> np.ndarray:
        """Sum of the sources, each through its own random equaliser, in dB, with bands and frames masked. (T, F)."""
        grid = np.linspace(0, 3, self._bands)
        total = np.zeros_like(sources[0].power)
        for source in sources:
            curve = np.interp(grid, np.arange(4), rng.normal(0.0, self.config.equaliser_db, 4))
            total += source.power * _from_db(curve.astype(np.float32))
        features = _to_db(total)
        for _ in range(2):
            length = int(rng.integers(self.config.mask_frames + 1))
            at = int(rng.integers(max(1, len(features) - length)))
            features[at : at + length] = FLOOR_DB
            width = int(rng.integers(self.config.mask_mels + 1))
            low = int(rng.integers(self._bands - width))
            features[:, low : low + width] = FLOOR_DB
        if rng.random() < self.config.band_limit_share:  # as of telephones, old files and cheap microphones
            features[:, int(rng.integers(self._bands // 2, self._bands)) :] = FLOOR_DB
        return np.asarray(features, dtype=np.float32)

    def _add_targets(self, sources: list[Source], share: np.ndarray, clip: np.ndarray, truth: np.ndarray) -> None:
        loudest = max(source.gain for source in sources)
        for source in sources:
            if not source.active.any() or source.gain - loudest < self.config.audible_db:
                continue
            for label in source.labels:
                clip[label] = 1.0
                share[label] += 10.0 ** (source.gain / 20.0) / len(source.labels)
                truth[:, label] = np.maximum(truth[:, label], source.active)
        if share.sum() > 0:
            share /= share.sum()


# numpy's float32 exp and log run on vector units, its power and log10 do not: five times faster, equal to 1e-6 of a dB.
def _from_db(decibels: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(decibels * np.float32(math.log(10.0) / 10.0)))


def _to_db(power: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(power, np.float32(1e-10))) * np.float32(10.0 / math.log(10.0)))
