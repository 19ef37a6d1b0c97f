"""Audio fingerprints: is a sound a copy of one of many known sounds, or does it contain one? No model is involved.

The fingerprint of a sound is up to SLOTS segments: a position and a descriptor of TERMS bits each. The descriptor of a segment is the
two-dimensional cosine transform of its compressed band powers, without the terms that are constant in time, each divided by its usual
spread. Hence it does not depend on the level, a steady filter changes it little, and a steady sound has none. There are two lengths of
segments (SCALES): half a second, and an eighth of a second for sounds that have few longer ones. The segments with the greatest changes
are stored.

A query has descriptors of unit length on a dense grid of positions. A known sound is found where its segments match at positions that
agree with one offset and one speed. The score is the sum of the cosines of the segments that lie inside the query, divided by the spread
that this sum has for unrelated sounds, which is as low with many segments as with few. A handful of segments, as of one click, can match
those of another, so that LEAST_SEGMENTS are needed. A sound that repeats itself exactly, such as an alarm clock, matches others of its kind
at every period. So a copy also has to lead over all other offsets by LEAD.

A dense grid of the query against bits of the known sounds follows Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR
2002); the agreement of offsets, Wang, "An industrial-strength audio search algorithm" (ISMIR 2003), and its sum along a sequence of
segments, Chang et al., "Neural audio fingerprint for high-specific audio retrieval based on contrastive learning" (ICASSP 2021); the search
over speeds, Six and Leman, "Panako: a scalable acoustic fingerprinting system handling time-scale and pitch modification" (ISMIR 2014).
Cosine transforms over half a second in place of hashes or a network are our departure: they vary slowly with offset and speed, so that
coarse grids of both are enough.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

RATE = 16_000  # Hz
BANDS = 24
LOWEST, HIGHEST = 200.0, 6500.0  # Hz, centres of the first and the last band; the others lie between by equal ratios
TIME_TERMS, BAND_TERMS = 8, 8
TERMS = TIME_TERMS * BAND_TERMS
FRAMES = 50  # of a segment
STEP = 3  # frames between two positions of a query
SLOTS = 24  # most segments of a fingerprint
SLOT_BYTES = 2 + TERMS // 8
LONGEST = 30.0  # seconds of a sound that its fingerprint covers

#: Score, lead over every other offset, and number of segments inside the query, from which a known sound counts as contained in it
#: (docs/bench.md, benchmarks/copies.py).
THRESHOLD, LEAD, LEAST_SEGMENTS = 1.45, 0.4, 6
SPEEDS = (0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06)

_COMPRESSION = 0.25  # exponent of band powers
_LEAST_POWER = 1e-7  # of a band, for samples with full scale one: about the rounding of 16 bits
#: Least change of a segment's band powers, relative to their level, and relative to the greatest change in the sound: below the first the
#: sound is steady, below the second a trace such as reverberation.
_LEAST_CHANGE, _LEAST_SHARE = 0.03, 0.02
_CORRELATION = 0.05  # of the cosines of two segments of unrelated sounds, about
#: Segments that reach beyond an end of the sound are left out, since steady sounds have all the same ends; except in sounds shorter than
#: _SHORT seconds, where the power at the end is at most _CUT of the greatest.
_SHORT, _CUT = 1.0, 0.01
_SEARCHED = 3  # of a sound's segments, every third takes part in the search for candidates
_LIKE = 0.4  # cosine above which a segment counts in that search
_CANDIDATES = 10  # sounds, by each scale, whose offsets are checked
_REFINED = 3  # of these, how many are compared at their own speed
_GATE = 0.7  # share of THRESHOLD that they have without it
_PEAKS = 3  # positions of a segment from which offsets are taken
_ELSEWHERE = 0.1  # seconds between offsets that are not the same
_EMPTY = 0xFFFF  # position of an empty slot
_BLOCK = 1 << 18  # cosines computed at once


@dataclasses.dataclass(frozen=True)
class Scale:
    """A resolution in time. window, hop: of the Fourier transforms, samples. apart: least distance of two stored segments, frames."""

    window: int
    hop: int
    apart: int


SCALES = (Scale(512, 160, 18), Scale(256, 40, 18))


@dataclasses.dataclass(frozen=True)
class Match:
    """A known sound in a query. index: its place among the known ones. score: see above; lead: by how much the next best offset has less.

    segments: number of its segments inside the query. speed: of the query relative to the known sound. offset: of the known sound's start
    in the query, seconds; negative where the query begins later.
    """

    index: int
    score: float
    lead: float
    segments: int
    speed: float
    offset: float

    @property
    def is_copy(self) -> bool:
        """True where the sounds are taken for one recording."""
        return self.score >= THRESHOLD and self.lead >= LEAD and self.segments >= LEAST_SEGMENTS


def fingerprint(samples: np.ndarray) -> Bytes:
    """Fingerprint, uint8 (SLOTS, SLOT_BYTES), of the first LONGEST seconds of a sound, samples (N,) at RATE.

    A slot is the position of a segment (two bytes, little-endian: the frame of its middle, plus 2 ** 15 in the second scale) and the signs
    of its terms. Slots are in order of scale and position; unused ones, all of a steady or silent sound, have the position 0xFFFF.
    """
    slots = np.zeros((SLOTS, SLOT_BYTES), np.uint8)
    slots[:, :2] = 0xFF
    used = 0
    for number, scale in enumerate(SCALES):
        power = _powers(np.asarray(samples[: int(LONGEST * RATE)], np.float32), scale)
        terms, changes = _descriptors(power, scale, speed=1.0, step=2)
        middles, loudness = 2 * np.arange(len(changes)), power.sum(axis=1)
        long, least = len(samples) >= _SHORT * RATE, _CUT * loudness.max()
        if long or loudness[:3].max() > least:
            changes[middles < FRAMES // 2] = 0.0
        if long or loudness[-3:].max() > least:
            changes[middles > len(power) - FRAMES // 2] = 0.0
        chosen = 2 * _most_changing(changes, scale.apart / 2, SLOTS - used)
        new = slice(used, used + len(chosen))
        slots[new, :2] = (chosen + (number << 15)).astype("<u2").view(np.uint8).reshape(-1, 2)
        slots[new, 2:] = np.packbits(terms[chosen // 2] > 0, axis=1)
        used += len(chosen)
    return slots


class FingerprintIndex:
    """Known sounds by their fingerprints, uint8 (n, SLOTS, SLOT_BYTES). Any bytes of this shape are valid."""

    def __init__(self, fingerprints: Bytes) -> None:
        if fingerprints.dtype != np.uint8 or fingerprints.ndim != 3 or fingerprints.shape[1:] != (SLOTS, SLOT_BYTES):
            raise ValueError(f"fingerprints are {fingerprints.dtype} {fingerprints.shape}; wanted uint8 (n, {SLOTS}, {SLOT_BYTES})")
        codes = np.ascontiguousarray(fingerprints[:, :, :2]).view("<u2")[:, :, 0]
        self._bits, self._codes = fingerprints[:, :, 2:], codes.astype(np.intp)
        hops = np.array([scale.hop for scale in SCALES])
        self._seconds = (self._codes & 0x7FFF) * hops[self._codes >> 15] / RATE
        self._used = (self._codes != _EMPTY) & (self._seconds <= LONGEST)
        self._count = len(fingerprints)
        self._searched: list[tuple[Floats, NDArray[np.intp]]] = []
        for number in range(len(SCALES)):
            sounds, slots = np.nonzero(self._used & (self._codes >> 15 == number))
            order = np.arange(len(sounds)) - np.searchsorted(sounds, sounds)  # of a segment among those of its sound and scale
            taken = order % _SEARCHED == 0
            self._searched.append((_signs(self._bits[sounds[taken], slots[taken]]), sounds[taken]))

    def find(self, samples: np.ndarray) -> Match | None:
        """The known sound that a query contains, by the highest score; None where it contains none. samples (N,) at RATE."""
        return next((match for match in self.matches(samples) if match.is_copy), None)

    def matches(self, samples: np.ndarray) -> list[Match]:
        """The likeliest known sounds, copies or not, by falling score; none where the query or all known sounds are steady or silent."""
        query = _Query(np.asarray(samples, np.float32))
        matches = [self._align(index, query, 1.0, self._speeds(index, min(SPEEDS), max(SPEEDS), 0.1)) for index in self._candidates(query)]
        matches.sort(key=_falling)
        for match in [one for one in matches if one.score >= _GATE * THRESHOLD][:_REFINED]:
            for speed in [speed for speed in SPEEDS if abs(speed - match.speed) < 0.03]:
                matches.append(self._align(match.index, query, speed, self._speeds(match.index, speed - 0.01, speed + 0.01, 0.04)))
        return sorted(matches, key=_falling)

    def _speeds(self, index: int, lowest: float, highest: float, drift: float) -> Floats:
        """Speeds so close that the last segment of a sound moves by at most `drift` seconds from one to the next, at most 0.02 apart."""
        last = float(self._seconds[index][self._used[index]].max(initial=0.0))
        count = 1 + math.ceil((highest - lowest) / min(0.02, drift / max(last, 1e-3)) - 1e-6)
        return np.linspace(lowest, highest, count, dtype=np.float32)

    def _candidates(self, query: _Query) -> set[int]:
        """Indices of the sounds of which the searched segments of a scale are nearest to any of the query's."""
        chosen: set[int] = set()
        for number, (known, sounds) in enumerate(self._searched):
            positions = query.searched(number)
            if not len(known) or not len(positions):
                continue
            likeness = np.maximum(_nearest(known, positions) - _LIKE, 0.0) ** 2
            counts = np.maximum(np.bincount(sounds, minlength=self._count), 1)
            votes = np.bincount(sounds, likeness, minlength=self._count) / np.sqrt(counts)
            best = np.argpartition(-votes, min(_CANDIDATES, self._count) - 1)[:_CANDIDATES]
            chosen.update(int(index) for index in best if votes[index] > 0)
        return chosen

    def _align(self, index: int, query: _Query, speed: float, stretches: Floats) -> Match:
        """Best score of a sound over all offsets, and over distances of its segments at the speeds `stretches`.

        speed: at which the query's descriptors are computed.
        """
        used = np.flatnonzero(self._used[index])
        used = used[np.argsort(self._codes[index][used] >> 15, kind="stable")]
        scales = self._codes[index][used] >> 15
        finest = int(scales.max())
        unit = STEP * SCALES[finest].hop / RATE
        signs = _signs(self._bits[index][used])
        cosines, sounding, peaks, owners = [], [], [], []
        for number in range(finest + 1):
            grid, ratio = query.grid(number, speed), SCALES[number].hop // SCALES[finest].hop
            of_scale = np.flatnonzero(scales == number)
            rows = signs[of_scale] @ grid.T
            highest = np.argpartition(-rows, min(_PEAKS, len(grid)) - 1, axis=1)[:, :_PEAKS]
            peaks.append(ratio * highest.ravel())
            owners.append(np.repeat(of_scale, highest.shape[1]))
            cosines.append(np.repeat(rows, ratio, axis=1))
            sounding.append(np.broadcast_to(np.repeat(np.any(grid, axis=1), ratio), cosines[-1].shape))
        places = np.rint(self._seconds[index][used] / stretches[:, None] / unit).astype(np.intp)
        offsets = np.concatenate(peaks) - places[:, np.concatenate(owners)]
        rows, counted = _joined(cosines), _joined(sounding)
        scores, counts = _sum_at(places[:, :, None] + offsets[:, None, :], rows, counted)
        stretch, best = (int(place) for place in np.unravel_index(scores.argmax(), scores.shape))
        score, ahead = float(scores[stretch, best]), places[stretch] + offsets[stretch, best]
        inside = (ahead >= 0) & (ahead < rows.shape[1])  # other segments may be elsewhere, as in a sound that was rolled
        elsewhere = offsets[stretch][np.abs(offsets[stretch] - offsets[stretch, best]) * unit > _ELSEWHERE]
        others, _ = _sum_at((places[stretch][:, None] + elsewhere)[None, inside], rows[inside], counted[inside])
        lead = score - float(others.max(initial=0.0))
        return Match(index, score, lead, int(counts[stretch, best]), float(stretches[stretch]), float(offsets[stretch, best]) * unit)


class _Query:
    """Descriptors of a query, computed when they are needed."""

    def __init__(self, samples: Floats) -> None:
        self._powers = functools.cache(lambda number: _powers(samples, SCALES[number]))
        self._grids = functools.cache(lambda number, speed: _descriptors(self._powers(number), SCALES[number], speed=speed, step=STEP))

    def grid(self, number: int, speed: float) -> Floats:
        """Descriptors (P, TERMS) at all positions of a scale, of unit length, or zero where the query is steady or silent."""
        return self._grids(number, speed)[0]

    def searched(self, number: int) -> Floats:
        """Descriptors (P, TERMS) to search with: of the first scale all that are not zero, of the second every other one of them."""
        terms, changes = self._grids(number, 1.0)
        return np.asarray(terms[changes > 0][:: 1 + number])


def _falling(match: Match) -> tuple[float, int]:
    return -match.score, match.index


def _nearest(known: Floats, positions: Floats) -> Floats:
    """Highest cosine of each of known (n, TERMS) with any of positions (P, TERMS)."""
    nearest = np.empty(len(known), np.float32)
    rows = max(1, _BLOCK // len(positions))
    for start in range(0, len(known), rows):
        nearest[start : start + rows] = (positions @ known[start : start + rows].T).max(axis=0)
    return nearest


def _joined(rows: list[NDArray[Any]]) -> Floats:
    """Arrays (K, P) one after the other, those with fewer columns followed by zeros."""
    joined = np.zeros((sum(len(part) for part in rows), max(part.shape[1] for part in rows)), np.float32)
    start = 0
    for part in rows:
        joined[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return joined


def _sum_at(columns: NDArray[np.intp], cosines: Floats, sounding: Floats) -> tuple[Floats, Floats]:
    """Scores (S, O), and the number of segments in each, of K segments at the columns (S, K, O) of their cosines (K, P).

    sounding (K, P): one where the query has a descriptor.
    """
    inside = (columns >= 0) & (columns < cosines.shape[1])
    places = np.where(inside, columns, 0) + cosines.shape[1] * np.arange(len(cosines))[:, None]
    counts = (sounding.ravel()[places] * inside).sum(axis=1)
    sums = (cosines.ravel()[places] * inside).sum(axis=1)
    return sums / np.sqrt(np.maximum(counts, 1.0) * (1 + _CORRELATION * np.maximum(counts - 1, 0.0))), counts


def _signs(bits: Bytes) -> Floats:
    """Descriptors (K, TERMS) of unit length from bytes (K, TERMS / 8)."""
    signs = np.unpackbits(np.ascontiguousarray(bits), axis=-1).astype(np.float32)
    return (2 * signs - 1) / np.float32(math.sqrt(TERMS))


def _powers(samples: Floats, scale: Scale) -> Floats:
    """Power spectra (T, window / 2 + 1) of samples (N,); frame t is centred at (t + 1/2) hops, zeros lie around the samples."""
    frames = max(1, -(-len(samples) // scale.hop))
    padded = np.zeros((frames - 1) * scale.hop + scale.window, np.float32)
    before = (scale.window - scale.hop) // 2
    padded[before : before + len(samples)] = samples[: len(padded) - before]
    taper = np.hanning(scale.window).astype(np.float32)
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, scale.window)[:: scale.hop] * taper, axis=1)
    return np.asarray(spectra.real**2 + spectra.imag**2, np.float32) / np.float32((taper**2).sum())


def _descriptors(powers: Floats, scale: Scale, *, speed: float, step: int) -> tuple[Floats, Floats]:
    """Descriptors (P, TERMS) of segments at every `step`-th frame of spectra (T, F), and the change (P,) of band powers in each.

    Both are zero where the sound is steady or silent. speed: of the sound; bands and segments are scaled so that descriptors are those of
    the same sound at speed one.
    """
    bands, terms_of_bands, terms_of_time = _transforms(scale, speed)
    size = terms_of_time.shape[1]
    levels = (powers @ bands + np.float32(_LEAST_POWER)) ** np.float32(_COMPRESSION) - np.float32(_LEAST_POWER**_COMPRESSION)
    levels = np.pad(levels, ((size // 2, size - 1 - size // 2), (0, 0)))
    starts = np.arange(0, len(powers), step)
    segments = np.lib.stride_tricks.sliding_window_view(levels @ terms_of_bands, size, axis=0)[starts]
    terms = (segments @ terms_of_time.T).transpose(0, 2, 1).reshape(len(starts), TERMS)
    energy = np.concatenate([[0.0], np.cumsum(np.sum(levels.astype(np.float64) ** 2, axis=1))])
    level = np.sqrt(np.maximum(energy[starts + size] - energy[starts], 0.0))
    changes = np.linalg.norm(terms, axis=1)
    changes[(changes <= _LEAST_CHANGE * level) | (changes <= 1e-3)] = 0.0
    terms = terms / _usual_spread()
    terms *= (changes > 0)[:, None] / np.maximum(np.linalg.norm(terms, axis=1, keepdims=True), 1e-12)
    return terms.astype(np.float32), changes.astype(np.float32)


@functools.cache
def _transforms(scale: Scale, speed: float) -> tuple[Floats, Floats, Floats]:
    """Filters of bands (F, BANDS), cosines over bands (BANDS, BAND_TERMS) and over time (TIME_TERMS, frames), for sounds at a speed."""
    frequencies = np.arange(scale.window // 2 + 1) * RATE / scale.window
    ratio = (HIGHEST / LOWEST) ** (1 / (BANDS - 1))
    centres = speed * LOWEST * ratio ** np.arange(BANDS)
    widths = np.maximum(centres * (ratio - 1), 1.5 * RATE / scale.window)
    bands = np.maximum(0.0, 1 - np.abs(frequencies[:, None] - centres) / widths)
    bands /= np.sqrt(bands.sum(axis=0))
    over_bands = np.cos(np.pi * (np.arange(BANDS)[:, None] + 0.5) * np.arange(BAND_TERMS) / BANDS) * math.sqrt(2 / BANDS)
    over_bands[:, 0] /= math.sqrt(2)
    size = round(FRAMES / speed)
    times = (np.arange(size) - (size - 1) / 2) * speed / FRAMES + 0.5
    over_time = np.cos(np.pi * np.arange(1, TIME_TERMS + 1)[:, None] * times)
    over_time -= over_time.mean(axis=1, keepdims=True)
    over_time /= np.linalg.norm(over_time, axis=1, keepdims=True)
    return bands.astype(np.float32), over_bands.astype(np.float32), over_time.astype(np.float32)


@functools.cache
def _usual_spread() -> Floats:
    """Spread of the terms (TERMS,) over ESC-50, up to a factor: it falls about with the root of the order in time and in bands."""
    orders = np.arange(1, TIME_TERMS + 1)[:, None] * np.arange(1, BAND_TERMS + 1)
    return np.asarray(1 / np.sqrt(orders), np.float32).reshape(TERMS)


def _most_changing(changes: Floats, apart: float, most: int) -> NDArray[np.intp]:
    """Positions of the greatest changes (P,), at least `apart` positions from each other, at most `most`, ascending."""
    left = changes.copy()
    chosen: list[int] = []
    least = _LEAST_SHARE * changes.max(initial=0.0)
    while len(chosen) < most and left.max(initial=0.0) > least:
        best = int(left.argmax())
        chosen.append(best)
        left[max(0, math.ceil(best - apart + 1e-9)) : math.ceil(best + apart)] = 0.0
    return np.array(sorted(chosen), np.intp)
