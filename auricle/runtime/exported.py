"""export.json of a model folder: its graphs, and how close each engine's outputs are to torch's."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from auricle.core.config import EXPORT, Finite, Strict
from auricle.core.errors import ModelError

#: Version of export.json.
FORMAT = 1
#: Cosine similarity to torch's outputs below which a graph is rejected and an engine is not chosen by default.
MIN_COSINE = 0.9999


class Agreement(Strict):
    """Agreement of an engine with torch in single precision, over all probes.

    cosine: minimum over all rows of all arrays. difference: maximum absolute difference, relative to torch's largest value.
    """

    cosine: Finite
    difference: Finite


class EngineAccuracy(Strict):
    """Agreement of one engine for audio and for text; words is None without a text tower."""

    sound: Agreement
    words: Agreement | None = None

    @property
    def cosine(self) -> float:
        """The lower cosine of the two."""
        return min(self.sound.cosine, 1.0 if self.words is None else self.words.cosine)


class Exported(Strict):
    """Content of export.json. fingerprint: of the exported weights. frames: T that the graph takes, None for any.

    outputs: of the graph. engines: accuracy by name, measured at export; failed: engines that cannot run the graph, with the reason.
    made_with: package versions at export.
    """

    format: int
    fingerprint: str
    outputs: tuple[str, ...]
    frames: int | None
    engines: dict[str, EngineAccuracy]
    failed: dict[str, str]
    made_with: dict[str, str]

    def is_accurate(self, engine: str) -> bool:
        """Whether an engine was measured and is within tolerance of torch."""
        return engine in self.engines and self.engines[engine].cosine >= MIN_COSINE


def read_export(folder: Path) -> Exported | None:
    """Read export.json of a folder; None where there is none. ModelError where it cannot be used."""
    path = folder / EXPORT
    try:
        exported = Exported.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise ModelError(f"{path}: cannot be used ({what}); run: auricle export {folder}") from error
    if exported.format != FORMAT:
        raise ModelError(f"{path}: format is {exported.format}, this release reads {FORMAT}; run: auricle export {folder}")
    return exported
