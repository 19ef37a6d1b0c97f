"""QueryScores labels: scored as the tags where they name one, by their text where not, with times; what cannot be read has no score."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tone_model import clip, silence, tone

import auricle
from auricle.core.errors import InputError
from auricle.core.records import Clip, Label
from auricle.listen.listener import Listener


@pytest.fixture(scope="module")
def listener(tone_folder: Path) -> Listener:
    return auricle.load(tone_folder)


@pytest.fixture(scope="module")
def scene() -> Clip:
    """40 s, with the low tone from 2 to 4 s and the high tone from 30 to 32 s."""
    return clip(silence(2), tone("low tone", 2), silence(26), tone("high tone", 2), silence(8))


def asked(listener: Listener, sound: Clip, *labels: str) -> dict[str, Label]:
    return {label.label: label for label in listener.listen(sound, labels).labels or ()}


def test_words_that_name_a_label_agree_with_its_tag_and_its_events(listener: Listener, scene: Clip) -> None:
    heard = listener.listen(scene)
    (tag,) = [tag for tag in heard.tags if tag.label == "low tone"]
    ((onset, offset),) = [(event.onset, event.offset) for event in heard.events if event.label == "low tone"]
    for words in ("low tone", "LOW_TONES", "the low tone", "tone, low", "a low tone in a hall"):
        found = asked(listener, scene, words)[words]
        assert found == dataclasses.replace(tag, label=words, scored_by="label", named="low tone", times=((onset, offset),))
    absent = asked(listener, scene, "a dog barking")["a dog barking"]
    assert (absent.present, absent.scored_by, absent.named, absent.times) == (False, "label", "dog", None)


def test_phrases_that_contain_or_paraphrase_a_label_are_answered_by_it(listener: Listener, scene: Clip) -> None:
    tag = asked(listener, scene, "low tone")["low tone"]
    for words in ("the sound of a loud low tone", "a low tone in the distance", "low tones heard outside"):
        assert asked(listener, scene, words)[words] == dataclasses.replace(tag, label=words)
    for words, named in (("a puppy", "dog"), ("hounds barking", "dog"), ("it is raining", "rain"), ("a labrador", "dog")):
        found = asked(listener, scene, words)[words]
        assert (found.scored_by, found.named) == ("label", named)


def test_phrases_that_only_look_like_a_label_are_scored_by_their_text(listener: Listener, scene: Clip) -> None:
    for words in ("dog whistle", "rain coat", "low tone deep hum", "dog and rain"):
        found = asked(listener, scene, words)[words]
        assert (found.scored_by, found.named) == ("text", None)


def test_denials_have_no_score_and_are_listed(listener: Listener, scene: Clip) -> None:
    analysis = listener.listen(scene, ["no dog", "low tone", "rain without hum", "no dog"])
    assert [label.label for label in analysis.labels or ()] == ["low tone"] and analysis.negated == ("no dog", "rain without hum")
    assert analysis.to_dict()["negated"] == analysis.negated and "negated" not in listener.listen(scene, ["dog"]).to_dict()
    assert analysis.unread == ()


def test_other_words_are_scored_by_their_text_and_have_the_windows_in_which_they_are_present(listener: Listener) -> None:
    """Windows of 10 s, a new one every 8 s, of which each keeps what is over a second from its inner edges."""
    sound = clip(tone("high tone", 18), silence(22), tone("high tone", 18))
    found = asked(listener, sound, "high", "hum and bark")
    assert found["high"].present and found["high"].scored_by == "text" and found["high"].named is None
    assert found["high"].times == ((0.0, 25.0), (33.0, 58.0))  # no tone in the window from 24 to 34 s
    assert not found["hum and bark"].present and found["hum and bark"].scored_by == "text" and found["hum and bark"].times is None


@pytest.mark.parametrize("words", ["\U0001f436", "\u0441\u043e\u0431\u0430\u043a\u0430", "\u72d7", "wren"])
def test_words_that_the_model_cannot_read_have_no_score(listener: Listener, words: str) -> None:
    sound = clip(tone("low tone", 2))
    heard = listener.listen(sound, ["deep hum", words, "dog"])
    assert [label.label for label in heard.labels or ()] == ["deep hum", "dog"] and heard.unread == (words,)
    assert heard.to_dict()["unread"] == (words,) and "unread" not in listener.listen(sound, ["dog"]).to_dict()
    assert listener.listen(sound, [words]).labels == ()
    told = auricle.ZeroShot(listener, ["dog", "rain", words]).classify(sound)[0]
    assert {label.label for label in told.labels} == {"dog", "rain"} and told.unread == (words,)
    with pytest.raises(InputError, match="cannot encode these labels"):
        auricle.ZeroShot(listener, [words])


def test_silence_has_no_asked_label(listener: Listener) -> None:
    found = asked(listener, clip(silence(3)), "deep hum", "low tone")
    assert all(not label.present and label.score == 0 and label.times is None for label in found.values())
