"""Which label of a model a phrase means, and joined labels in one cell.

A phrase means a label where it consists of a name of that label, its words in any form, and words that do not change what sounds:
"the sound of a big dog barking in a yard". Any other word makes it another thing: a dog whistle is no dog. See docs/tasks/retrieval.md.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from auricle.core.labels import label_key
from auricle.listen import english
from auricle.listen.english import Name, Word, plain_text, read_name
from auricle.listen.synonyms import Sound, synonyms

#: Separator of labels in one cell of a table. Archives of earlier versions have a comma and a space.
SEPARATOR = "; "
#: How a phrase means a label: it is its text; its words in other forms or another order; it contains them; it is a synonym, with or without
#: other words; or it is a more specific sound.
How = Literal["equal", "inflected", "contains", "synonym", "ancestor"]

_MOST_WORDS = 9
_LONGEST_PHRASE = 300  # characters
_ADJECTIVE = re.compile(r".{3,}(ous|ful|ive)")


@dataclasses.dataclass(frozen=True)
class Match:
    """The label that a phrase means. index: of the label in the vocabulary."""

    index: int
    label: str
    how: How


@dataclasses.dataclass(frozen=True)
class _Reading:
    """One reading of a phrase. index: of the label, None for a sound without one. sound: that of the label, None if the table has none.

    thing: the sound that the phrase names, where that is another one.
    """

    index: int | None
    sound: Sound | None
    how: How
    thing: Sound | None = None


def match_phrase(phrase: str, labels: Sequence[str]) -> Match | None:
    """The label that a phrase means; None if it means none of them, is ambiguous, or denies a sound.

    Synonyms and kinds are those of auricle/data/synonyms.json. The order of the labels does not matter.

    >>> from auricle.listen.vocabulary import match_phrase
    >>> labels = ["dog", "church bells"]
    >>> match_phrase("a dog barking", labels)
    Match(index=0, label='dog', how='contains')
    >>> [match_phrase(phrase, labels) for phrase in ("dog whistle", "no dog")]
    [None, None]
    """
    return _vocabulary(tuple(labels)).match(phrase)


class Vocabulary:
    """The labels of a model, and which of them a phrase means (`match_phrase`)."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels, self._table = tuple(labels), synonyms()
        self._texts = {label_key(label): index for index, label in enumerate(labels)}
        parts = _index((index, part) for index, label in enumerate(labels) for part in _parts(label))
        self._own = parts | _index(enumerate(labels))  # a label itself takes precedence over a part of another
        self._weak = self._without_doubtful(_index((index, _without_brackets(label)) for index, label in enumerate(labels) if "(" in label))
        self._sounds = {index: sound for index, label in enumerate(labels) if (sound := self._sound_of(label)) is not None}
        self._answering = self._labels_of_sounds()
        self._bags = dict(self._table.bags)  # by their first base form
        for bag in {bag for bag, _ in (*self._own, *self._weak)}:
            self._bags[bag[0]] = (*self._bags.get(bag[0], ()), bag)
        self._match = functools.lru_cache(maxsize=4096)(self._find)

    def match(self, phrase: str) -> Match | None:
        """As `match_phrase`."""
        index = self._texts.get(label_key(phrase))
        if index is not None:
            return Match(index, self._labels[index], "equal")
        return self._match(phrase) if len(phrase) <= _LONGEST_PHRASE else None

    def match_each(self, phrase: str) -> tuple[Match, ...]:
        """Matches of a phrase that may join several sounds by "and", "or" or commas; each label once.

        >>> from auricle.listen.vocabulary import Vocabulary
        >>> [match.label for match in Vocabulary(["dog", "frog"]).match_each("a dog or frogs")]
        ['dog', 'frog']
        """
        whole = self.match(phrase)
        parts = re.split(r"\band\b|\bor\b|[,;/&+]", phrase) if whole is None else ()
        found = {match.index: match for match in (whole, *map(self.match, parts)) if match is not None}
        return tuple(found.values())

    def is_negated(self, phrase: str) -> bool:
        """Whether a phrase denies a sound, such as "no dog", and is no label itself."""
        return label_key(phrase) not in self._texts and read_name(plain_text(phrase)) not in self._own and english.is_negated(phrase)

    def find(self, phrase: str) -> int | None:
        """Index of the label that a phrase means; None if it means none."""
        match = self.match(phrase)
        return None if match is None else match.index

    def _find(self, phrase: str) -> Match | None:
        text: str | None = plain_text(phrase)
        if self.is_negated(phrase) or english.is_idiom(plain_text(phrase)):
            return None
        while text:
            if readings := self._readings(text):
                return self._choose(readings)
            text = english.without_place(text)
        return None

    def _choose(self, readings: Sequence[_Reading]) -> Match | None:
        """The most specific of the labels that a phrase may mean; None where that is ambiguous."""
        found = {reading.index: reading for reading in readings if reading.index is not None}
        for index, reading in found.items():
            broader = frozenset() if reading.sound is None else self._table.broader(reading.sound.name)
            if all(other is reading or (other.sound is not None and other.sound.name in broader) for other in found.values()):
                return Match(index, self._labels[index], reading.how)
        return None

    def _readings(self, text: str) -> list[_Reading]:
        """Readings by the longest names of labels, or of sounds of the table, beside which the other words change nothing."""
        words = english.read_words(text)
        if len(words) > _MOST_WORDS:
            return []
        chosen = self._names_among(words)
        for size in sorted({len(indices) for indices in chosen}, reverse=True):
            readings = [self._reading(words, indices, names) for indices, names in chosen.items() if len(indices) == size]
            if found := [reading for reading in readings if reading is not None]:
                return found
        return []

    def _names_among(self, words: Sequence[Word]) -> dict[tuple[int, ...], list[Name]]:
        """The names that words of a phrase are, by the indices of the words; first those in which each word is what it most likely is."""
        indices: dict[str, list[int]] = {}
        for index, word in enumerate(words):
            for key in word.keys:
                indices.setdefault(key, []).append(index)
        bags = {bag for key in indices for bag in self._bags.get(key, ()) if indices.keys() >= set(bag)}
        found: dict[tuple[int, ...], dict[Name, int]] = {}
        for bag in sorted(bags):
            for places in itertools.product(*(indices[key] for key in bag)):
                if len(set(places)) < len(places):
                    continue
                order = sorted(range(len(bag)), key=places.__getitem__)
                chosen, keys = tuple(places[index] for index in order), [bag[index] for index in order]
                name = (bag, english.canonical_order(keys, [words[index].segment for index in chosen]))
                if name in self._own or name in self._table.names or name in self._weak:
                    unlikely = sum(words[index].keys.index(key) for index, key in zip(chosen, keys, strict=True))
                    found.setdefault(chosen, {})[name] = unlikely
        return {chosen: sorted(names, key=lambda name: (names[name], name)) for chosen, names in found.items()}

    def _reading(self, words: Sequence[Word], chosen: tuple[int, ...], names: Sequence[Name]) -> _Reading | None:
        """The reading by the likeliest of the names that the chosen words are; None if another word changes what sounds."""
        name, rest = names[0], [index for index in range(len(words)) if index not in chosen]
        if name in self._own or name not in self._table.names:
            index = self._own.get(name, self._weak.get(name))
            own = self._table.names.get(name)  # what a part of the label means: the rooster of "Chicken, rooster"
            reading = _Reading(
                index,
                None if index is None else self._sound(index),
                "contains" if rest else "inflected",
                thing=None if own is None else self._table.sounds[own[0]],
            )
        else:
            sound, same = self._table.names[name]
            reading = self._answer(self._table.sounds[sound], "synonym" if same else "ancestor")
        thing = reading.thing or reading.sound
        acts = any(words[index].verb is not None for index in chosen) or any(self._acts(words[index], thing) for index in rest)
        if not all(self._changes_nothing(words, index, chosen, thing, acts=acts) for index in rest):
            return None
        return reading if thing is None else self._made_sound(reading, thing, [words[index] for index in rest])

    def _changes_nothing(self, words: Sequence[Word], index: int, chosen: tuple[int, ...], sound: Sound | None, *, acts: bool) -> bool:
        """Whether a word beside the chosen ones leaves the sound that they name as it is.

        sound: that of the table, None if it has none. acts: the phrase has a verb.
        """
        lists, word = english.word_lists(), words[index]
        if word.joins or (word.is_sound and index > chosen[0]):
            return True
        if word.is_adverb:
            return True
        if index < chosen[-1] and (word.text in lists.adjectives or (_ADJECTIVE.fullmatch(word.text) and not self._is_name(word.noun))):
            return True
        if word.text == "with" and index < chosen[0] and any(self._acts(each, sound) for each in words[:index]):
            return True  # "sawing with a chainsaw"
        if word.text in lists.particles and acts:
            return True
        if word.text in lists.making and any(each.is_sound for each in words):
            return True
        kind = None if sound is None else sound.kind
        if word.person is not None and (word.owner or kind == "human" or (kind != "animal" and acts)):
            # A coughing man coughs, but a breathing coach does not breathe, and a speech man does not speak.
            last = words[chosen[-1]]
            return index < chosen[-1] or word.segment != last.segment or (word.person == "anyone" and last.form == "gerund")
        if sound is None:
            return False
        is_noun = word.form == "base" and word.verb is None and not word.before_of
        return (self._acts(word, sound) and not (is_noun and index < chosen[0])) or self._is_context(words, index, chosen, sound)

    def _is_name(self, noun: str | None) -> bool:
        """Whether a noun alone names something: a locomotive engine has no adjective."""
        name = ((noun or "",), (noun or "",))
        return name in self._own or name in self._table.names

    def _acts(self, word: Word, sound: Sound | None) -> bool:
        """Whether a word is what a thing does: "barking" of a dog."""
        if sound is None:
            return False
        if any(key in sound.acts or any(self._table.made_by(sound.name, key)) for key in word.keys):
            return True
        return word.verb in sound.doings or (word.before_of and english.verb_key(word.text) in sound.doings)

    def _is_context(self, words: Sequence[Word], index: int, chosen: tuple[int, ...], sound: Sound) -> bool:
        """Whether a word may accompany a sound where it stands: "waves on a beach", "sawing wood"; a drinking straw is no drinking."""
        word, last = words[index], words[chosen[-1]]
        if any(key in sound.context for key in word.keys):
            if word.form == "gerund":
                return True
            verbs = (other for other in range(index) if other not in chosen and words[other].verb is not None)
            if index < chosen[-1] or word.segment != last.segment or any(self._acts(words[other], sound) for other in verbs):
                return True
        return word.noun in sound.objects and any(other.form in ("gerund", "past", "s") for other in words[:index])

    def _made_sound(self, reading: _Reading, thing: Sound, rest: Sequence[Word]) -> _Reading:
        """The reading, or one by the label for what a thing does: by "meow" in "a kitten meowing"."""
        made = {sound for word in rest for key in word.keys for sound in self._table.made_by(thing.name, key) if sound in self._answering}
        if len(made) != 1:
            return reading
        (sound,) = made
        return _Reading(self._answering[sound], self._table.sounds[sound], "synonym")

    def _answer(self, sound: Sound, how: How) -> _Reading:
        """The label of a sound, or else of the sound that answers for it: an alternative, the thing that makes it, or a broader one."""
        makers = [name for name in sound.of if name in self._answering] if sound.bare else []
        for name in (sound.name, *(makers if len(makers) == 1 else ()), *sound.also):
            if name in self._answering:
                return _Reading(self._answering[name], self._table.sounds[name], how, thing=sound)
        level = list(sound.under)
        while level:
            found = [name for name in level if name in self._answering]
            if found:
                return _Reading(self._answering[found[0]], self._table.sounds[found[0]], "ancestor", thing=sound)
            level = [broader for name in level for broader in self._table.sounds[name].under]
        return _Reading(None, sound, how)

    def _without_doubtful(self, names: Mapping[Name, int | None]) -> dict[Name, int | None]:
        """The names whose words are in no label but their own: of "Keyboard (musical)" and "Computer keyboard", not "keyboard"."""
        bags = [set(read_name(plain_text(label))[0]) for label in self._labels]
        return {name: index for name, index in names.items() if sum(bag.issuperset(name[0]) for bag in bags) == 1}

    def _sound(self, index: int) -> Sound | None:
        name = self._sounds.get(index)
        return None if name is None else self._table.sounds[name]

    def _sound_of(self, label: str) -> str | None:
        """The sound of the table that a label names: as a whole, or by its parts; that of "Gunshot_and_gunfire" too."""
        name = read_name(plain_text(label))
        if name in self._table.labels or name in self._table.names:
            return self._table.labels.get(name) or self._table.names[name][0]
        parts = _parts(label)
        joined = [_without_brackets(part) for part in label_key(label).split(" and ")]
        names = [self._table.names.get(read_name(plain_text(part))) for part in parts or joined]
        sounds = {found[0] for found in names if found is not None}
        return sounds.pop() if len(sounds) == 1 and (parts or None not in names) else None

    def _labels_of_sounds(self) -> dict[str, int]:
        """The label that answers for each sound. Of several labels of one sound it is the one with its very name; else none does."""
        labels: dict[str, list[int]] = {}
        for index, sound in self._sounds.items():
            labels.setdefault(sound, []).append(index)
        answering = {}
        for sound, indices in labels.items():
            same = [index for index in indices if read_name(plain_text(self._labels[index])) == read_name(plain_text(sound))]
            if len(indices) == 1 or len(same) == 1:
                answering[sound] = indices[0] if len(indices) == 1 else same[0]
        return answering


def split_tags(text: str, vocabulary: Collection[str]) -> tuple[str, ...]:
    """Split a table cell into labels at SEPARATOR or, without one, at commas; labels of the vocabulary with commas are not split."""
    return _split_tags(text, frozenset(vocabulary))


@functools.lru_cache(maxsize=4096)  # an archive has few different cells
def _split_tags(text: str, vocabulary: frozenset[str]) -> tuple[str, ...]:
    separator = SEPARATOR if SEPARATOR in text else ", "
    return tuple(_joined(text.split(separator), separator, vocabulary)) if text else ()


def _joined(pieces: list[str], separator: str, vocabulary: frozenset[str]) -> Iterator[str]:
    """Join consecutive pieces that form a label of the vocabulary, the longest first."""
    while pieces:
        lengths = range(len(pieces), 1, -1)
        size = next((length for length in lengths if separator.join(pieces[:length]) in vocabulary), 1)
        yield separator.join(pieces[:size])
        pieces = pieces[size:]


@functools.lru_cache(maxsize=8)
def _vocabulary(labels: tuple[str, ...]) -> Vocabulary:
    return Vocabulary(labels)


def _index(names: Iterable[tuple[int, str]]) -> dict[Name, int | None]:
    """Indices by the base forms of their names; None for a name that several labels have."""
    indices: dict[Name, int | None] = {}
    for index, text in names:
        name = read_name(plain_text(text))
        indices[name] = index if indices.get(name, index) == index else None
    indices.pop(((), ()), None)
    return indices


def _without_brackets(label: str) -> str:
    return re.sub(r"\(.*?\)", " ", label)


def _parts(label: str) -> list[str]:
    """The names that a label lists: "Gunshot, gunfire"."""
    text = re.sub(r",?\s*\betc\b\.?", "", _without_brackets(label_key(label)))
    return [re.sub(r"^\s*(and|or)\b", "", part) for part in text.split(",")] if "," in text else []
