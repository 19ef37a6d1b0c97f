from __future__ import annotations

from pathlib import Path

import pytest

from auricle.data.cleaning import Thresholds, clean, rejection_reason, rewrite_by_rules
from auricle.data.item import Caption, Item


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (
            "DOG_BARK_03.wav - Big DOG barking in the yard [Zoom H4n, 44.1kHz/24bit] recorded 12/05/2011 http://x.org",
            "big dog barking in the yard",
        ),
        ("Rain on a tin roof. Recorded with a Zoom H2 in mono.", "rain on a tin roof"),
        ("Footsteps in the snow, 2009-12-24", "footsteps in the snow"),
        ("A train passes by. Licensed under Creative Commons. Please credit me!", "a train passes by"),
        ("LOUD THUNDER CRACKS", "loud thunder cracks"),
        ("birds singing <b>early</b> (Sony PCM-D50) at 5:30 am", "birds singing early"),
        ("Church bells ringing, mail me@example.org", "church bells ringing, mail"),
        ("fs_183921 cat meows twice", "cat meows twice"),
        ("Wind in the trees recorded on 4th of May, 2012", "wind in the trees"),
        ("Ein Hund bellt", "ein Hund bellt"),
        ("TV noise in the background", "tv noise in the background"),
        ("http://only.address/a.wav", ""),
        ("3 dogs and 2 cats", "3 dogs and 2 cats"),
        ("glass breaks!!! ... and falls", "glass breaks! and falls"),
    ],
)
def test_rules_take_out_what_cannot_be_heard(raw: str, cleaned: str) -> None:
    assert rewrite_by_rules(raw) == cleaned


def test_rules_are_stable_and_come_to_an_end_on_hostile_text() -> None:
    for raw in ("(" * 2000, "<" * 2000, "a@" * 1000, "1." * 1000, "zoom " * 400, "a-" * 1000, "x_1" * 600, ". " * 1000, "and " * 500):
        cleaned = rewrite_by_rules(raw)
        assert rewrite_by_rules(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a dog barks in a yard", ""),
        ("dog", "caption too short"),
        ("word " * 51, "caption too long"),
        ("a dog barks, see www.dogs.org", "caption with an address, a file or a date"),
        ("a dog barks in 2011", "caption with an address, a file or a date"),
        ("I'm sorry, I cannot hear anything", "caption about the task"),
        ("The caption is: a dog barks", "caption about the task"),
        ("a dog\nbarks", "caption that is not a sentence"),
        ("a1 b2 c3 d4 ?? !!", "caption that is not a sentence"),
    ],
)
def test_what_is_no_caption(text: str, reason: str) -> None:
    assert rejection_reason(text, Thresholds()) == reason


def item(name: str, *texts: str, duration: float = 5.0) -> Item:
    return Item(name, Path(f"/{name}.wav"), captions=tuple(Caption(text) for text in texts), duration=duration)


def test_three_stages() -> None:
    items = [
        item("kept", "A dog barks. Thanks for listening!", "A DOG BARKS", "12345"),
        item("short", "a cat meows", duration=0.1),
        item("long", "a cat meows", duration=4000.0),
        item("unknown", "a cat meows", duration=0.0),
        item("empty", "x" * 3000, "IMG_0001.wav"),
        item("wordless"),
    ]
    cleaned = clean(items)
    assert [(found.id, [caption.text for caption in found.captions]) for found in cleaned.items] == [
        ("kept", ["a dog barks"]),
        ("unknown", ["a cat meows"]),
    ]
    assert cleaned.items[0].captions[0].style == "cleaned" and cleaned.items[0].duration == 5.0
    assert cleaned.dropped == {
        "clip too short": 1,
        "clip too long": 1,
        "text without words": 1,
        "text too long": 1,
        "caption too short": 1,
        "clip without a caption": 2,
    }


def test_any_function_rewrites() -> None:
    cleaned = clean([item(str(number), f"text number {number}") for number in range(20)], lambda text: f"somebody says {text}", workers=4)
    assert [found.captions[0].text for found in cleaned.items] == [f"somebody says text number {number}" for number in range(20)]
    assert not clean([item("a", "some text")], lambda text: "").items
