"""English words of a phrase: base forms of nouns and verbs, words that change nothing about the sound that is meant, and negations.

Only what `vocabulary` needs to tell whether a phrase means a label: no parser, and no dictionary but the lists of data/english.json. The
base form of a verb has a mark, so that "crowing" (what a rooster does) is not the noun "crow", and "training" is no train.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from auricle import data
from auricle.core.config import Strict

#: Mark of the base form of a verb.
VERB = "~"
#: A name: base forms of its words, sorted, and its nouns in the order of a compound.
Name = tuple[tuple[str, ...], tuple[str, ...]]

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*'?|,")
_OWNER = re.compile("'s?$")
_ADVERB = re.compile(r".{3,}(?<!f)ly")
_NUMBER = re.compile(r"\d{1,2}")
_DENIALS = re.compile(r"\b(?:absence|lack|free|instead|devoid) of\b|\b(?:rather|other) than\b|\banything but\b")
#: Negations that deny nothing: "a dog that won't stop barking".
_AFFIRMED = re.compile(r"\b(?:won't|wont|can't|cant|cannot|doesn't|doesnt|don't|dont|never|not) stops?\b")
#: Wordings that are replaced before the words are read.
_WORDINGS = tuple(
    (re.compile(rf"\b(?:{old})\b"), new)
    for old, new in (
        (r"(it|that|there|here|he|she|who|what|one)'s", r"\1 is"),
        (r"(\w+)'(?:s|re)(?= \w+ing\b)", r"\1 is"),  # "the dog's barking"
        (r"(?:starts?|started|begins?|began)(?: to)?(?= \w+ing\b)", ""),
        (r"(?:sound|audio|video|field) (?:clip|sample|effect|file|recording|track)s? of", "sound of"),
        (r"^(?:something )?(?:that |which )?sounds? like", ""),
        (r"(?<=\w )sounds like$", ""),
        (r"far (?:away|off)|close (?:by|up)|next door|over and over(?: again)?|again and again|back and forth|up and down", "away"),
        (r"all (?:day|night)(?: long)?|right now|at the moment|for (?:a|some) (?:while|time|moment)|for (?:hours|minutes|seconds)", "away"),
        (r"non stop", "nonstop"),
        (r"in front of|next to|on top of|close to|away from|because of|due to", "near"),
        (r"along with|together with|as well as", "with"),
        (r"(?:going|goes|go|went|gone|setting|sets|set) off", "sounding"),
        (r"taking off|takes off|take off|took off", "departing"),
        (r"(?:turning|turned|turns|switching|switched|switches|coming|comes|came) on", "starting"),
        (r"(?:letting|lets|let) out|(?:giving|gives|gave) (?:out|off)", ""),
        (r"(?:coming|comes|came) from", "from"),
    )
)
_PLACE = re.compile(
    r" (?:in|inside|outside|on|onto|at|near|nearby|by|beside|behind|under|underneath|beneath|over|above|across|along|against|around|through"
    r"|throughout|during|from|to|into|toward|towards|between|among|upon|within) "
)


class WordLists(Strict):
    """The lists of data/english.json. Nouns are base forms, all other words are spelled as they come.

    irregular_nouns: plural -> singular. irregular_verbs: past tense and participle -> verb. function: words without meaning of their own
    here: articles, pronouns, prepositions of place, small numbers, verbs of hearing. auxiliaries: verbs before a past participle. making:
    verbs that mean nothing beside a word for sound ("the noise that a dog makes"). separators: prepositions, around which the nouns of a
    compound are reversed. people, persons: nouns for anyone, and for what a person does. adverbs: words of how, when and where, anywhere in
    a phrase. particles: of verbs, which count only beside one. adjectives: words before a noun that do not change what it is. sounds: nouns
    for the sound itself. units: nouns that count, before "of". negations: words that deny what follows. subjects: pronouns before a verb.
    ly_nouns: nouns that end as adverbs do. idioms: wordings that mean no sound. musical: what is played on an instrument. actions: verbs by
    kind of sound (listen.synonyms).
    """

    irregular_nouns: Mapping[str, str]
    irregular_verbs: Mapping[str, str]
    function: frozenset[str]
    auxiliaries: frozenset[str]
    making: frozenset[str]
    separators: frozenset[str]
    people: frozenset[str]
    persons: frozenset[str]
    adverbs: frozenset[str]
    particles: frozenset[str]
    adjectives: frozenset[str]
    sounds: frozenset[str]
    units: frozenset[str]
    negations: frozenset[str]
    subjects: frozenset[str]
    ly_nouns: frozenset[str]
    idioms: frozenset[str]
    musical: frozenset[str]
    actions: Mapping[str, frozenset[str]]


@functools.cache
def word_lists() -> WordLists:
    """The lists of this package."""
    return WordLists.model_validate_json((Path(data.__file__).parent / "english.json").read_bytes())


@functools.cache
def _nouns(which: Literal["people", "persons", "sounds", "units"]) -> frozenset[str]:
    nouns: frozenset[str] = getattr(word_lists(), which)
    return frozenset(map(noun_base, nouns))


@dataclasses.dataclass(frozen=True)
class Word:
    """A word of a phrase. noun, verb: its base forms as a noun and as a verb, the latter with VERB; None where it has no such form.

    form: of the spelling; -s may be a plural or a verb. owner: it has a possessive 's. segment: number of prepositions and commas before
    it. before_of: "of" follows. joins: it is a counting noun before "of", or a word for sound before another function word. after_person:
    it may be a verb, and the word before means a person. person: it means anyone, or someone by what they do. is_sound: it means the sound
    itself.
    """

    text: str
    noun: str | None
    verb: str | None
    form: Literal["base", "gerund", "past", "s", "none"] = "base"
    owner: bool = False
    segment: int = 0
    before_of: bool = False
    joins: bool = False
    after_person: bool = False
    person: Literal["anyone", "role"] | None = None
    is_sound: bool = False

    @property
    def is_adverb(self) -> bool:
        """It says how, when or where: "loudly", "nearby"."""
        lists = word_lists()
        return self.text in lists.adverbs or (_ADVERB.fullmatch(self.text) is not None and self.text not in lists.ly_nouns)

    @property
    def keys(self) -> tuple[str, ...]:
        """Base forms, the noun first except after a person: "a crow", "he crows"."""
        keys = (self.verb, self.noun) if self.after_person else (self.noun, self.verb)
        return tuple(key for key in keys if key is not None)


def plain_text(text: str) -> str:
    """Words in lower case and NFC, and commas, with single spaces; underscores, hyphens and other signs are left out, "&" becomes "and"."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).replace("\u2019", "'").replace("&", " and ")
    return " ".join(_WORD.findall(text))


def is_negated(text: str) -> bool:
    """Whether a phrase denies a sound: "no dog", "rain without thunder", "a dog that isn't barking".

    >>> from auricle.listen.english import is_negated
    >>> is_negated("No dog"), is_negated("a noisy dog")
    (True, False)
    """
    text, negations = _AFFIRMED.sub("", plain_text(text)), word_lists().negations
    return _DENIALS.search(text) is not None or any(word in negations or word.endswith("n't") for word in text.split())


def is_idiom(text: str) -> bool:
    """Whether a phrase has a wording that means no sound, such as "toad in the hole". text: from `plain_text`."""
    return any(idiom in text for idiom in word_lists().idioms)


def without_place(text: str) -> str | None:
    """The words before the last place or time ("frogs in a pond" -> "frogs"); None without one. text: from `plain_text`."""
    found = list(_PLACE.finditer(text))
    return text[: found[-1].start()] if found else None


@functools.lru_cache(maxsize=4096)
def read_words(text: str) -> tuple[Word, ...]:
    """The words of a phrase that are no function words. text: from `plain_text`."""
    text = _AFFIRMED.sub("", text)
    for wording, replacement in _WORDINGS:
        text = wording.sub(replacement, text)
    lists, words, segment = word_lists(), list[Word](), 0
    spelled, before = text.split(), ""
    participles = len(spelled) == 1  # past participles count after a noun or an auxiliary verb: "a glass broken", but not "a broken glass"
    for word, following in zip(spelled, [*spelled[1:], ""], strict=True):
        segment += word == "," or word in lists.separators
        participles |= word in lists.auxiliaries
        is_left = not following and word in lists.particles  # "clock in"
        if word != "," and (is_left or word not in lists.function) and not _NUMBER.fullmatch(word):
            subject = words[-1] if words and words[-1].noun is not None else None
            read = _read_word(word)
            if not _is_verb(read, subject, before, participles=participles):
                read = dataclasses.replace(read, verb=None)
            noun = noun_base(read.text)
            words.append(
                dataclasses.replace(
                    read,
                    segment=segment,
                    before_of=following == "of",
                    joins=(following == "of" and noun in _nouns("units"))
                    or (following in lists.function | lists.making and noun in _nouns("sounds")),
                    after_person=read.verb is not None and subject is not None and subject.person is not None and not subject.owner,
                    person=_person(noun),
                    is_sound=noun in _nouns("sounds"),
                )
            )
            participles = True
        before = word
    return tuple(words)


def _person(noun: str) -> Literal["anyone", "role"] | None:
    return "anyone" if noun in _nouns("people") else "role" if noun in _nouns("persons") else None


def _read_word(text: str) -> Word:
    if _OWNER.search(text):
        owner = _OWNER.sub("", text)
        return Word(owner, noun_base(owner), None, "none", owner=True)
    if (verb := word_lists().irregular_verbs.get(text)) is not None:
        return Word(text, text, _verb_stem(verb), "past")
    if is_gerund(text):
        return Word(text, None, _gerund_stem(text), "gerund")
    if text.endswith("ed") and not text.endswith("eed") and re.search("[aeiouy]", text[:-2]):
        return Word(text, text, (text[:-3] + "y" if text.endswith("ied") else text[:-2]) + VERB, "past")
    if text.endswith("s") and not re.search("(ss|us|is)$", text):
        verb = text[:-3] + "y" if text.endswith("ies") and len(text) > 4 else text[: -2 if text.endswith("oes") else -1]
        return Word(text, noun_base(text), _verb_stem(verb), "s")
    return Word(text, noun_base(text), _verb_stem(text))


def _is_verb(word: Word, subject: Word | None, before: str, *, participles: bool) -> bool:
    """Whether a word may be a verb here. subject: the last word if it is a noun. before: what is spelled before, function words too.

    "a dog barks" and "dogs bark", but not "a bark".
    """
    pronoun = before in word_lists().subjects
    if word.form == "s":
        return subject is not None or pronoun
    if word.form == "base":
        return (subject is not None and (subject.form == "s" or subject.text in word_lists().irregular_nouns)) or pronoun
    return word.form == "gerund" or participles


def canonical_order(keys: Sequence[str], segments: Sequence[int]) -> tuple[str, ...]:
    """The nouns among base forms in the order of a compound: what follows a preposition comes first, as in "door knock".

    segments: number of prepositions and commas before each.
    """
    order = range(len(keys)) if len(set(segments)) < 2 else sorted(range(len(keys)), key=lambda index: (-segments[index], index))
    return tuple(keys[index] for index in order if not is_verb_base(keys[index]))


@functools.lru_cache(maxsize=16384)
def read_name(text: str) -> Name:
    """The base forms of the words of a name, sorted, and its nouns in compound order; -ing forms are verbs, all others nouns.

    text: from `plain_text`.
    """
    lists, keys, segments, segment = word_lists(), [], [], 0
    for word in text.split():
        if word == "," or word in lists.separators:
            segment += 1
        if word != "," and word not in lists.function:
            word = _OWNER.sub("", word)
            keys.append(_gerund_stem(word) if is_gerund(word) else noun_base(word))
            segments.append(segment)
    return tuple(sorted(keys)), canonical_order(keys, segments)


@functools.lru_cache(maxsize=16384)
def verb_key(text: str) -> str:
    """Base form, with VERB, of a verb that is given as itself or with -ing."""
    return _gerund_stem(text) if is_gerund(text) else _verb_stem(text)


@functools.lru_cache(maxsize=16384)
def noun_base(word: str) -> str:
    """Base form of a noun, the same for singular and plural. An e after s, x, z, ch and sh is left out: "horses" and "buses"."""
    word = word_lists().irregular_nouns.get(word, word)
    if len(word) > 4 and word.endswith("ies") and word[-4] not in "aeiou":
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith("oes"):
        word = word[:-2]
    elif len(word) > 2 and word.endswith("s") and word[-2] not in "sui":
        word = word[:-1]
    return word[:-1] if word.endswith(("se", "xe", "ze", "che", "she")) else word


def is_verb_base(key: str) -> bool:
    """Whether a base form is that of a verb."""
    return key.endswith(VERB)


def _verb_stem(word: str) -> str:
    """Stem of a verb before -ing, with VERB: "type" -> "typ~", "tap" -> "tapp~"."""
    if len(word) > 2 and word[-1] == "e" and word[-2] not in "aeioy":
        return word[:-1] + VERB
    closed = re.search("(?:^y|[^aeiouy])[aeiouy][^aeiouwxy]$|^[aeiou][^aeiouwxy]$", word)  # consonant, vowel, consonant: "tapping"
    return word + (word[-1] if closed and len(re.findall("[aeiouy]+", word.removeprefix("y"))) == 1 else "") + VERB


def is_gerund(word: str) -> bool:
    """Whether a word ends in -ing after a stem with a vowel: "singing", not "ring"."""
    word = word.removesuffix("s")
    return word.endswith("ing") and len(word) > 4 and re.search("[aeiouy]", word[:-3]) is not None


def _gerund_stem(word: str) -> str:
    return word.removesuffix("s")[:-3] + VERB
