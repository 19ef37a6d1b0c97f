"""Sounds and their English names: synonyms, more specific kinds, and what may accompany them in a phrase (data/synonyms.json).

A sound is a thing ("dog"), what a thing does ("barking", `of` a dog) or an act ("sneezing"). Of a name only the base forms of its words
count, and the order of its nouns: a fire engine is no engine fire.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from auricle import data
from auricle.core.config import Strict
from auricle.listen.english import Name, is_gerund, noun_base, plain_text, read_name, verb_key, word_lists

Kind = Literal["animal", "vehicle", "machine", "alarm", "instrument", "music", "human"]


class _Entry(Strict):
    """An entry of the table, whose key is a name too. names: synonyms. kinds: more specific things that answer alike.

    labels: names that mean the sound as a label only: "country", which in a phrase may be a landscape. of: things that make this sound.
    verbs: what means this sound only together with such a thing. actions: what may accompany the thing; those in -ing only as a verb.
    objects: nouns that may follow a verb. context: words that may stand before the name, after a preposition or after an action. under:
    broader sounds. also: sounds whose label answers where neither this sound nor what makes it has one. bare: false where the names alone
    do not say which thing makes the sound.
    """

    kind: Kind | None = None
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    bare: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class Sound:
    """A sound of the table, with base forms.

    acts: of actions in any form. doings: of actions as -ing, -ed or -s. The other fields are those of the table.
    """

    name: str
    kind: Kind | None
    of: tuple[str, ...]
    under: tuple[str, ...]
    also: tuple[str, ...]
    bare: bool
    verbs: frozenset[str]
    acts: frozenset[str]
    doings: frozenset[str]
    objects: frozenset[str]
    context: frozenset[str]


@dataclasses.dataclass(frozen=True, eq=False)
class Synonyms:
    """The table. sounds: by name. names: name -> (sound, whether it is a synonym; else a more specific kind).

    labels: name of a label -> sound. bags: the names without order, by their first base form.
    """

    sounds: Mapping[str, Sound]
    names: Mapping[Name, tuple[str, bool]]
    labels: Mapping[Name, str]
    bags: Mapping[str, tuple[tuple[str, ...], ...]]

    def broader(self, name: str) -> frozenset[str]:
        """All sounds that a sound is `of` or `under`, itself left out."""
        found: set[str] = set()
        queue = [name]
        while queue:
            sound = self.sounds[queue.pop()]
            new = {*sound.of, *sound.under} - found
            found |= new
            queue += new
        return frozenset(found - {name})

    def made_by(self, thing: str, act: str) -> Iterator[str]:
        """Sounds that a thing (name of a sound) makes by an act, a base form: barking, of a dog and bark~."""
        things = {thing, *self.broader(thing)}
        for name in self._by_verb.get(act, ()):
            if not things.isdisjoint(self.sounds[name].of):
                yield name

    @functools.cached_property
    def _by_verb(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for sound in self.sounds.values():
            for verb in sound.verbs:
                found.setdefault(verb, []).append(sound.name)
        return found


@functools.cache
def synonyms() -> Synonyms:
    """The table of this package."""
    text = (Path(data.__file__).parent / "synonyms.json").read_text(encoding="utf-8")
    entries = TypeAdapter(dict[str, _Entry]).validate_json(text)
    names: dict[Name, tuple[str, bool]] = {}
    joined: dict[Name, tuple[str, bool]] = {}
    for name, entry in entries.items():
        for texts, same in (((name, *entry.names), True), (entry.kinds, False)):
            for text in map(plain_text, texts):
                names.setdefault(read_name(text), (name, same))
                if text.count(" ") == 1:  # "hand saw" is written as one word too
                    joined.setdefault(read_name(text.replace(" ", "")), (name, same))
    names = joined | names
    labels = {read_name(plain_text(label)): name for name, entry in entries.items() for label in entry.labels}
    sounds = {name: _sound(name, entry) for name, entry in entries.items()}
    bags: dict[str, list[tuple[str, ...]]] = {}
    for bag in {bag for bag, _ in names}:
        bags.setdefault(bag[0], []).append(bag)
    return Synonyms(sounds, names, labels, {key: tuple(several) for key, several in bags.items()})


def _sound(name: str, entry: _Entry) -> Sound:
    words = [word for action in entry.actions for word in action.split()]
    acts = {key for word in words if not is_gerund(word) for key in (noun_base(word), verb_key(word))}
    doings = {verb_key(word) for word in words} | {verb_key(word) for word in word_lists().actions.get(entry.kind or "", ())}
    if entry.kind == "instrument":
        acts |= {noun_base(word) for word in word_lists().musical}
    context = {key for text in entry.context for word in plain_text(text).split() for key in (noun_base(word), verb_key(word))}
    objects = {noun_base(word) for text in entry.objects for word in plain_text(text).split()}
    verbs = {key for word in entry.verbs for key in (noun_base(word), verb_key(word))}
    return Sound(
        name,
        entry.kind,
        entry.of,
        entry.under,
        entry.also,
        entry.bare,
        frozenset(verbs),
        frozenset(acts),
        frozenset(doings),
        frozenset(objects),
        frozenset(context),
    )
