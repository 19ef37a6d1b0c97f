"""How a class is put into words: templates with the labels cleaned as their authors do, one JSON file a protocol.

Formatting alone moves zero-shot accuracy as much as another sentence does (arXiv 2409.13676), so a protocol holds both, and says where
it came from. Descriptions are in `bank`, weighted attributes in `attributes`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.core.table import normalise_label

_HOME = Path(__file__).resolve().parent
_HOLE = "{label}"
_MOST = 100  # templates of one protocol
_LONGEST = 1000  # letters of a template

Template = Annotated[str, Field(max_length=_LONGEST)]
Read = TypeVar("Read", bound=Strict)


class Clean(Strict):
    """How words are brought into shape. Underscores are always spaces. lower: small letters. strip: letters that become spaces."""

    lower: bool = False
    strip: str = ""

    def __call__(self, text: str) -> str:
        """The text in that shape, with single spaces."""
        spaced = text.translate(dict.fromkeys(map(ord, self.strip + "_"), " "))
        return " ".join((spaced.lower() if self.lower else spaced).split())


class Classes(Strict):
    """A corpus's class names, as they stand in its tables, and the words for them."""

    format: Literal[1]
    name: str
    about: str
    names: Mapping[str, str]

    def word(self, label: str) -> str:
        """The words for a class, found with or without underscores; a label that is none stays as it is."""
        return self._words.get(key(label), label)

    @functools.cached_property
    def _words(self) -> dict[str, str]:
        return {key(name): words for name, words in self.names.items()}


class Prompts(Strict):
    """A protocol: sentences with a place for the label. source: where they are used. classes: name of the class names it speaks."""

    format: Literal[1]
    name: str
    about: str
    source: str
    templates: Annotated[tuple[Template, ...], Field(min_length=1, max_length=_MOST)]
    clean: Clean = Clean()
    classes: str | None = None

    @field_validator("templates")
    @classmethod
    def _has_one_hole(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if template.count(_HOLE) != 1:
                raise ValueError(f"template {template[:60]!r} has {template.count(_HOLE)} times {_HOLE}; wanted it once")
        return templates

    def word(self, label: str) -> str:
        """The label as it is put into the sentences. InputError where nothing is left of it."""
        word = self.clean(classes(self.classes).word(label) if self.classes else label)
        if not word:
            raise InputError(f"label {label!r} is empty in the words of {self.name}; wanted words, such as 'dog barking'")
        return word

    def texts(self, label: str) -> list[str]:
        """What is said of a label, a text a template."""
        word = self.word(label)
        return [template.replace(_HOLE, word) for template in self.templates]


def key(label: str) -> str:
    """What two spellings of one label share: small letters, underscores as spaces, single spaces, NFC."""
    return normalise_label(label.lower().replace("_", " "))


def names() -> tuple[str, ...]:
    """Protocols in this install, sorted."""
    return tuple(sorted(path.stem for path in (_HOME / "protocols").glob("*.json")))


@functools.cache
def open(name: str) -> Prompts:
    """A protocol by its name."""
    if name not in names():
        raise InputError(f"no prompt {name!r}; wanted one of {', '.join(names())}, or a sentence with {_HOLE}")
    return _read(_HOME / "protocols" / f"{name}.json", Prompts)


def find(asked: str) -> Prompts:
    """A protocol by its name, by the path of a JSON file of one's own, or from a sentence with {label} in it."""
    if _HOLE in asked:
        return sentence(asked)
    return _read(Path(asked), Prompts) if asked.endswith(".json") else open(asked)


def sentence(template: str) -> Prompts:
    """The protocol of one sentence, by which it is also called."""
    if template.count(_HOLE) != 1 or len(template) > _LONGEST:
        raise InputError(f"prompt {template[:60]!r}: wanted {_HOLE} in it once, and {_LONGEST} letters at most")
    return Prompts(format=1, name=template, about="", source="", templates=(template,))


@functools.cache
def classes(name: str) -> Classes:
    """Class names of a corpus, with the words for them."""
    known = sorted(path.stem for path in (_HOME / "classes").glob("*.json"))
    if name not in known:
        raise InputError(f"no class names {name!r}; wanted one of {', '.join(known)}")
    return _read(_HOME / "classes" / f"{name}.json", Classes)


def _read(path: Path, kind: type[Read]) -> Read:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a JSON file of prompts") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(f"{path}: {where}: {first['msg']}; docs/tasks/zero-shot.md tells the format") from error
