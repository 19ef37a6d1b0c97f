"""export.json of a model folder: which graphs lie in it, and how far each engine keeps torch's numbers on this very model."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from auricle.core.config import EXPORT, Finite, Strict
from auricle.core.errors import ModelError

#: Version of export.json.
FORMAT = 1
#: Cosine to torch's vectors below which a graph is refused and an engine is not chosen unasked.
KEPT = 0.9999


class Agreement(Strict):
    """How near an engine comes to torch in single precision, over all probes.

    cosine: least over all rows of all arrays. difference: most |its - torch's| over the largest of torch's.
    """

    cosine: Finite
    difference: Finite


class Measured(Strict):
    """What one engine keeps, of sounds and of words; words is None where there are none."""

    sound: Agreement
    words: Agreement | None = None

    @property
    def cosine(self) -> float:
        """The lower one."""
        return min(self.sound.cosine, 1.0 if self.words is None else self.words.cosine)


class Exported(Strict):
    """export.json. fingerprint: of the weights that were exported. frames: T that the graph takes, None for any.

    outputs: those of the graph. engines: by name, as measured where the export was made; failed: those that cannot run the graph,
    and why. made_with: versions there.
    """

    format: int
    fingerprint: str
    outputs: tuple[str, ...]
    frames: int | None
    engines: dict[str, Measured]
    failed: dict[str, str]
    made_with: dict[str, str]

    def keeps(self, engine: str) -> bool:
        """Whether an engine was measured here and gives torch's numbers."""
        return engine in self.engines and self.engines[engine].cosine >= KEPT


def read(folder: Path) -> Exported | None:
    """export.json of a folder, None where there is none. ModelError where it cannot be used."""
    path = folder / EXPORT
    try:
        found = Exported.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise ModelError(f"{path}: cannot be used ({what}); run: auricle export {folder}") from error
    if found.format != FORMAT:
        raise ModelError(f"{path}: format is {found.format}, this release reads {FORMAT}; run: auricle export {folder}")
    return found
