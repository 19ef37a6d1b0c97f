"""Calibrate a model: fit its scores and thresholds to labelled recordings, and measure both on sources that were not fitted to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from auricle.bench import leak_guard, lineage
from auricle.bench.suite import groups
from auricle.core.config import ModelConfig, Strict
from auricle.core.errors import InputError, SoundError
from auricle.data import manifest
from auricle.data.item import Item
from auricle.listen.listener import Listener
from auricle.listen.scores import label_thresholds
from auricle.recipes.calibrating import folder, outputs
from auricle.recipes.calibrating.decisions import WORDS, Clips, Plan, build, current_calibration, plan
from auricle.recipes.calibrating.fit import Decisions, Fit, cross_validate
from auricle.recipes.calibrating.scored import Scored, brier_parts, compare

VERSION = 1
#: Upper ends of the classes of duration, seconds.
DURATIONS = (2.0, 5.0, 10.0, 30.0)


class CalibrationSettings(Strict):
    """fold: only clips of this fold of the manifest are used. share: only this share of the sources, drawn by seed. outputs: names of
    outputs to calibrate, `words` for those of texts; by default all. by: field of the clips by which reliability is reported too. parts: of
    the cross-validation. allow_leaked: use clips that the model was trained on, and mark the report.
    """

    fold: str | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    outputs: tuple[str, ...] = ()
    by: Literal["corpus", "fold", "site", "duration"] = "corpus"
    parts: Annotated[int, Field(ge=2)] = 5
    seed: Annotated[int, Field(ge=0)] = 0
    allow_leaked: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """A calibration of a model. config: its config with the fitted values. report: JSON (docs/calibration.md). items: the clips used."""

    model: Path
    config: ModelConfig
    report: Mapping[str, Any]
    items: Sequence[Item]

    def save(self, into: str | Path) -> Path:
        """Write the calibrated model folder, whole or not at all. InputError where `into` exists and is no calibrated model."""
        return folder.write(self.model, Path(into), self.config, report=self.report, items=self.items)


def calibrate(
    listener: Listener,
    data: str | Path | Sequence[Item],
    *,
    settings: CalibrationSettings | None = None,
    progress: Callable[[int, float, float], None] | None = None,
) -> Calibration:
    """Fit the scores and thresholds of every output of a model to labelled clips, and of its texts.

    data: a manifest, or its items. progress: called for each clip with its index, 1 and 1. InputError where the clips cannot calibrate
    anything. LeakedError where the model was trained on some of them, unless allowed.

        listener = auricle.load("my-model")
        calibration = calibrate(listener, "clips.jsonl")
        calibration.save("my-calibrated-model")
    """
    settings = settings or CalibrationSettings()
    items = manifest.read(data) if isinstance(data, str | Path) else list(data)
    chosen = plan(listener, items, _output_names(listener, settings))
    clips, facts = _run(listener, select(items, settings), chosen, settings, progress)
    made, left, skipped = build(listener, chosen, clips)
    fits: dict[str, Fit] = {}
    sections = []
    for decisions in made:
        try:
            fit = decisions.fit(np.ones(len(decisions.clip), bool))
            sections.append(_section(decisions, fit, clips, left.get(decisions.name, {}), settings))
            fits[decisions.name] = fit
        except InputError as error:
            skipped[decisions.name] = str(error)
    if not fits:
        raise InputError(f"nothing can be calibrated: {'; '.join(f'{name}: {why}' for name, why in skipped.items())}")
    report = {
        "version": VERSION,
        "model": listener.config.name,
        "weights": listener.fingerprint,
        "data": str(data) if isinstance(data, str | Path) else "",
        "settings": settings.model_dump(mode="json"),
        **facts,
        "outputs": sections,
        "skipped": [{"output": name, "why": why} for name, why in skipped.items()],
        "absent": _absent(items, chosen),
    }
    return Calibration(listener.runtime.folder, apply(listener.config, fits, made), report, clips.items)


def select(items: Sequence[Item], settings: CalibrationSettings) -> list[Item]:
    """The items of the fold and of the share of sources. InputError where there is none."""
    if not items:
        raise InputError("the manifest has no clips; wanted labelled recordings")
    selected = [item for item in items if settings.fold is None or item.fold == settings.fold]
    if not selected:
        folds = ", ".join(sorted({item.fold for item in items if item.fold})) or "none"
        raise InputError(f"no clip has the fold {settings.fold!r}; wanted one of the manifest's: {folds}")
    if settings.share is None:
        return selected
    names = groups(selected)
    sources = sorted(set(names))
    count = max(1, round(settings.share * len(sources)))
    drawn = {sources[index] for index in np.random.default_rng(settings.seed).permutation(len(sources))[:count]}
    return [item for item, name in zip(selected, names, strict=True) if name in drawn]


def apply(config: ModelConfig, fits: Mapping[str, Fit], made: Sequence[Decisions]) -> ModelConfig:
    """The config with fitted calibrations and thresholds; labels that were not fitted keep theirs."""
    fields = config.model_dump(mode="json")
    for decisions in made:
        if (fit := fits.get(decisions.name)) is None:
            continue
        if decisions.name == WORDS:
            assert fit.thresholds is not None
            fields["text"] |= {"calibration": {"scale": fit.scale, "bias": float(fit.bias[0])}, "threshold": float(fit.thresholds[0])}
            continue
        spec = config.outputs[decisions.name]
        columns = [spec.labels.index(label) for label in decisions.labels]
        scale, bias = (values.astype(np.float64) for values in current_calibration(spec))
        given, thresholds = spec.calibration, label_thresholds(spec)
        if given is not None:  # as written, without the rounding of single precision
            scale, bias = np.array(given.scale), np.array(given.bias)
        scale[columns], bias[columns] = fit.scale, fit.bias
        fields["outputs"][decisions.name]["calibration"] = {"scale": scale.tolist(), "bias": bias.tolist()}
        if fit.thresholds is not None:
            thresholds[columns] = fit.thresholds
            fields["outputs"][decisions.name]["thresholds"] = thresholds.tolist()
    return ModelConfig.model_validate_json(json.dumps(fields)).with_names(config.names)


def _output_names(listener: Listener, settings: CalibrationSettings) -> list[str]:
    config = listener.config
    names = [name for name, spec in config.outputs.items() if spec.kind in ("clip_scores", "frame_scores")]
    names += [WORDS] if listener.runtime.has_text_tower else []
    if unknown := [name for name in settings.outputs if name not in names]:
        raise InputError(f"{config.name} has no output {unknown[0]!r} with scores; wanted some of {', '.join(names) or 'none'}")
    return [name for name in names if name in settings.outputs] if settings.outputs else names


def _run(
    listener: Listener,
    items: Sequence[Item],
    chosen: Plan,
    settings: CalibrationSettings,
    progress: Callable[[int, float, float], None] | None,
) -> tuple[Clips, dict[str, Any]]:
    """The clips with sound, checked for leaks by name and by sound, and what the report says of them."""
    training = dataclasses.replace(lineage.read_lineage(listener.runtime.folder), calibrated=())  # raw outputs do not depend on them
    leaks = leak_guard.find_by_name(items, training)
    if not settings.allow_leaked:
        leak_guard.refuse_leaked(leaks, len(items))
    columns = chosen.columns(listener.config.outputs)
    kept, found, unread, silent = [], [], [], 0
    for item, outcome in zip(items, outputs.run(listener, items, columns, progress=progress), strict=True):
        if isinstance(outcome, SoundError):
            unread.append(f"{item.id}: {outcome}")
        elif outcome is None:
            silent += 1
        else:
            kept.append(item)
            found.append(outcome)
    if not kept:
        raise InputError(f"none of {len(items)} clips has sound ({silent} silent, {len(unread)} unreadable); wanted labelled recordings")
    by_sound = leak_guard.find_by_sound(kept, [one.embeddings() for one in found], training)
    leaks |= {name: leak for name, leak in by_sound.items() if name not in leaks or leaks[name].level != "clip"}
    if not settings.allow_leaked:
        leak_guard.refuse_leaked(leaks, len(items))
    names = groups(kept)
    facts = {
        "corpora": sorted({item.corpus for item in kept} - {""}),
        "clips": len(kept),
        "sources": len(set(names)),
        "silent": silent,
        "unreadable": unread,
        "leaked": leak_guard.summarise(items, leaks, training),
    }
    return Clips(kept, found, np.unique(names, return_inverse=True)[1]), facts


def _section(decisions: Decisions, fit: Fit, clips: Clips, left: Mapping[str, str], settings: CalibrationSettings) -> dict[str, Any]:
    """The part of the report on one output."""
    before, after = decisions.before(), cross_validate(decisions, clips.source, parts=settings.parts, seed=settings.seed)
    fitted = {"scale": fit.scale, "bias": dict(zip(decisions.labels, map(float, fit.bias), strict=True))}
    thresholds = {} if fit.thresholds is None else dict(zip(decisions.labels, map(float, fit.thresholds), strict=True))
    return {
        "output": decisions.name,
        "clips": len(set(before.clip.tolist())),
        "decisions": len(before.truth),
        "calibration": fitted,
        "thresholds": thresholds,
        "left": [{"label": label, "why": why} for label, why in left.items()],
        "scores": compare(before, after, clips.source, seed=settings.seed),
        "brier": {"before": brier_parts(before), "after": brier_parts(after)},
        "reliability": {"before": before.reliability(), "after": after.reliability()},
        "by": [
            {
                settings.by: value,
                "clips": len(set(before.of_clips(mask).clip.tolist())),
                "scores": compare(before.of_clips(mask), after.of_clips(mask), clips.source, seed=settings.seed),
                "reliability": {"before": before.of_clips(mask).reliability(), "after": after.of_clips(mask).reliability()},
            }
            for value, mask in _masks(clips.items, settings.by, before)
        ],
    }


def _masks(items: Sequence[Item], by: str, scored: Scored) -> list[tuple[str, np.ndarray]]:
    """The values of a field among the clips of some decisions, and the clips with each, bool (N,)."""
    values = np.array([_duration_class(item.duration) if by == "duration" else getattr(item, by) for item in items])
    return [(value, values == value) for value in dict.fromkeys(sorted(values[np.unique(scored.clip)].tolist()))]


def _duration_class(seconds: float) -> str:
    if not seconds:
        return "unknown"
    end = next((end for end in DURATIONS if seconds <= end), None)
    return f"over {DURATIONS[-1]:g} s" if end is None else f"up to {end:g} s"


def _absent(items: Sequence[Item], chosen: Plan) -> list[str]:
    """Labels of the manifest that no output of the model has."""
    found = {word for matching in chosen.matchings.values() for word in matching.index}
    return sorted({label for item in items for label in item.labels} - found)
