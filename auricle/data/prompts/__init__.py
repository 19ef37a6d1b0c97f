"""Prompt protocols for zero-shot classification: text templates with their authors' label cleaning, one JSON file per protocol.

Label formatting alone changes zero-shot accuracy as much as another template (arXiv 2409.13676), so a protocol has both, with its source.
Descriptions are in `descriptions`, weighted attributes in `attributes`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.core.labels import label_key

_FOLDER = Path(__file__).resolve().parent
_PLACEHOLDER = "{label}"
_MAX_TEMPLATES = 100  # of one protocol
_MAX_LETTERS = 1000  # of a template

Template = Annotated[str, Field(max_length=_MAX_LETTERS)]
Model = TypeVar("Model", bound=Strict)


class LabelCleaning(Strict):
    """Normalisation of labels. Underscores become spaces. lower: convert to lower case. strip: characters that become spaces."""

    lower: bool = False
    strip: str = ""

    def __call__(self, text: str) -> str:
        """Normalise a text; runs of spaces become one."""
        spaced = text.translate(dict.fromkeys(map(ord, self.strip + "_"), " "))
        return " ".join((spaced.lower() if self.lower else spaced).split())


class ClassNames(Strict):
    """The class names of a corpus: names maps each name in its tables to a phrase."""

    format: Literal[1]
    name: str
    about: str
    names: Mapping[str, str]

    def phrase(self, label: str) -> str:
        """The phrase of a class, matched by `label_key`; any other label is returned unchanged."""
        return self._by_key.get(label_key(label), label)

    @functools.cached_property
    def _by_key(self) -> dict[str, str]:
        return {label_key(name): words for name, words in self.names.items()}


class PromptProtocol(Strict):
    """Templates with {label}, the label cleaning, and their source. classes: name of the class names to apply first, or None."""

    format: Literal[1]
    name: str
    about: str
    source: str
    templates: Annotated[tuple[Template, ...], Field(min_length=1, max_length=_MAX_TEMPLATES)]
    clean: LabelCleaning = LabelCleaning()
    classes: str | None = None

    @field_validator("templates")
    @classmethod
    def _has_one_placeholder(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if template.count(_PLACEHOLDER) != 1:
                raise ValueError(f"template {template[:60]!r} contains {_PLACEHOLDER} {template.count(_PLACEHOLDER)} times; wanted it once")
        return templates

    def phrase(self, label: str) -> str:
        """The cleaned label, as inserted into the templates. InputError where it is empty."""
        phrase = self.clean(load_class_names(self.classes).phrase(label) if self.classes else label)
        if not phrase:
            raise InputError(f"label {label!r} is empty after the cleaning of {self.name}; wanted words, such as 'dog barking'")
        return phrase

    def texts(self, label: str) -> list[str]:
        """The prompts of a label, one per template."""
        phrase = self.phrase(label)
        return [template.replace(_PLACEHOLDER, phrase) for template in self.templates]


def protocol_names() -> tuple[str, ...]:
    """Names of the protocols in this installation, sorted."""
    return tuple(sorted(path.stem for path in (_FOLDER / "protocols").glob("*.json")))


@functools.cache
def load_protocol(name: str) -> PromptProtocol:
    """Load a protocol of this installation. InputError for an unknown name."""
    if name not in protocol_names():
        raise InputError(f"no prompt {name!r}; wanted one of {', '.join(protocol_names())}, or a sentence with {_PLACEHOLDER}")
    return _read(_FOLDER / "protocols" / f"{name}.json", PromptProtocol)


def find_protocol(query: str) -> PromptProtocol:
    """Load a protocol by its name, from the path of a JSON file, or from one template with {label}, which is then its name."""
    if _PLACEHOLDER not in query:
        return _read(Path(query), PromptProtocol) if query.endswith(".json") else load_protocol(query)
    if query.count(_PLACEHOLDER) != 1 or len(query) > _MAX_LETTERS:
        raise InputError(f"prompt {query[:60]!r}: wanted {_PLACEHOLDER} in it once, and {_MAX_LETTERS} letters at most")
    return PromptProtocol(format=1, name=query, about="", source="", templates=(query,))


@functools.cache
def load_class_names(name: str) -> ClassNames:
    """Load the class names of a corpus. InputError for an unknown one."""
    known = sorted(path.stem for path in (_FOLDER / "classes").glob("*.json"))
    if name not in known:
        raise InputError(f"no class names {name!r}; wanted one of {', '.join(known)}")
    return _read(_FOLDER / "classes" / f"{name}.json", ClassNames)


def _read(path: Path, kind: type[Model]) -> Model:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a JSON file of prompts") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(f"{path}: {where}: {first['msg']}; docs/tasks/zero-shot.md describes the format") from error
