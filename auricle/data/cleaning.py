"""Cleaning of captions from the web in the three stages of WavCaps (arXiv 2303.17395): filter, rewrite, check.

WavCaps filters by duration and text, rewrites the description of a recording into a caption with a language model, and drops faulty
results. Its thresholds are unverified; all thresholds here are ours. The rewriter is any function from text to text: `rewrite_by_rules`,
which removes what is not about the sound, or an `Endpoint`, which calls a language model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from auricle.data.item import Caption, Item

Rewriter = Callable[[str], str]


@dataclass(frozen=True)
class Thresholds:
    """Limits that a clip and its captions must meet, each (lowest, highest); all are ours.

    seconds: duration of a clip; an unknown one (0) passes. raw: letters of a text before it is rewritten. words: words of a caption
    after it is rewritten.
    """

    seconds: tuple[float, float] = (0.5, 600.0)
    raw: tuple[int, int] = (3, 2000)
    words: tuple[int, int] = (2, 50)


@dataclass(frozen=True)
class CleaningResult:
    """items: those that still have a caption. dropped: number of clips and captions that were removed, by reason."""

    items: tuple[Item, ...]
    dropped: Counter[str]


def clean(
    items: Iterable[Item], rewrite: Rewriter | None = None, *, thresholds: Thresholds | None = None, workers: int = 1
) -> CleaningResult:
    """Clean the captions of the items; an item without a remaining caption is dropped.

    rewrite: text -> caption, "" to drop it; None: `rewrite_by_rules`. workers: concurrent calls of `rewrite`, for endpoints.
    The style "original" becomes "cleaned".
    """
    thresholds, rewrite = thresholds or Thresholds(), rewrite or rewrite_by_rules
    dropped: Counter[str] = Counter()
    usable = [item for item in items if _has_usable_duration(item, thresholds, dropped)]
    raw = [
        (index, caption)
        for index, item in enumerate(usable)
        for caption in item.captions
        if _has_usable_text(caption.text, thresholds, dropped)
    ]
    with ThreadPoolExecutor(workers) as pool:
        rewritten = list(pool.map(rewrite, [caption.text for _, caption in raw]))
    accepted: dict[int, dict[str, Caption]] = {}  # index of the item -> lower-case text -> caption: repeated captions count once
    for (index, caption), text in zip(raw, rewritten, strict=True):
        if reason := rejection_reason(text, thresholds):
            dropped[reason] += 1
            continue
        style = "cleaned" if caption.style == "original" else caption.style
        accepted.setdefault(index, {}).setdefault(text.strip().lower(), replace(caption, text=text.strip(), style=style))
    dropped["clip without a caption"] = len(usable) - len(accepted)
    cleaned = tuple(replace(usable[index], captions=tuple(captions.values())) for index, captions in sorted(accepted.items()))
    return CleaningResult(cleaned, +dropped)


def rejection_reason(text: str, thresholds: Thresholds) -> str:
    """The reason to drop a rewritten caption (the third stage); empty for a usable one."""
    fewest, most = thresholds.words
    words = text.split()
    if not fewest <= len(words) <= most:
        return "caption too short" if len(words) < fewest else "caption too long"
    if any(pattern.search(text) for pattern in (_ADDRESS, _FILE, _DATE)):
        return "caption with an address, a file or a date"
    if _REFUSAL.search(text):
        return "caption about the task"
    if "\n" in text.strip() or sum(letter.isalpha() or letter.isspace() for letter in text) < 0.8 * len(text):
        return "caption that is not a sentence"
    return ""


def rewrite_by_rules(text: str) -> str:
    """Remove what is not about the sound: addresses, file names, dates, times, ids, equipment, licences, brackets, capitals.

    >>> rewrite_by_rules("DOG_BARK_03.wav - Big DOG barking in the yard [Zoom H4n, 44.1kHz/24bit] recorded 12/05/2011 http://x.org")
    'big dog barking in the yard'
    """
    for pattern in _NOISE:
        text = pattern.sub(" ", text)
    parts = [part for part in re.split(r"(?<=[.!?;])\s+|\s+[-|/~*•]+\s+|\n", text) if not _ABOUT.search(part)]
    text = " ".join(word.lower() if len(word) > 1 and word.isupper() else word for word in " ".join(parts).replace("_", " ").split())
    text = re.sub(r"\s+([,.;:!?])", r"\1", text)
    text = re.sub(r"([,;:.!?])[,;:.!?]+", r"\1", text)
    text = _DANGLING.sub("", text.strip(" ,.;:!?-|/~*\"'"))
    return text[:1].lower() + text[1:] if text[1:2] == text[1:2].lower() else text


def _has_usable_duration(item: Item, thresholds: Thresholds, dropped: Counter[str]) -> bool:
    shortest, longest = thresholds.seconds
    reason = (
        "" if not item.duration else "clip too short" if item.duration < shortest else "clip too long" if item.duration > longest else ""
    )
    dropped[reason] += bool(reason)
    return not reason


def _has_usable_text(text: str, thresholds: Thresholds, dropped: Counter[str]) -> bool:
    fewest, most = thresholds.raw
    letters = sum(letter.isalpha() for letter in text[: most + 1])
    reason = "text too long" if len(text) > most else "text without words" if letters < fewest else ""
    dropped[reason] += bool(reason)
    return not reason


_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\b[\w.+-]{1,64}@[\w-]{1,64}\.\w{2,10}\b", re.IGNORECASE)
_FILE = re.compile(r"[\w()-]{1,100}\.(?:wav|mp3|flac|ogg|opus|aiff?|m4a|aac|wma|mp4|mov|avi|zip)\b", re.IGNORECASE)
_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_DATE = re.compile(
    rf"\b(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{2,4}}|(?:\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?)?(?:{_MONTHS})\.?,?\s+(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?(?:19|20)\d\d|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_NUMBER = r"\d{1,6}(?:[.,]\d{1,3})?"
_EQUIPMENT = (
    r"zoom|tascam|sennheiser|rode|røde|neumann|shure|akg|dpa|audio-?technica|olympus|marantz|edirol|roland|sony|sound devices|focusrite|"
    r"audacity|pro tools|ableton|reaper|adobe audition|fl studio|logic pro|iphone|ipad|samsung|nokia"
)
_NOISE = (
    _ADDRESS,
    _FILE,
    re.compile(r"<[^<>]{0,300}>|\[[^\[\]]{0,300}\]|\([^()]{0,300}\)|\{[^{}]{0,300}\}"),
    _DATE,
    re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]m)?\b", re.IGNORECASE),
    re.compile(rf"\b{_NUMBER}\s?(?:k?hz|khz|bits?|kbps|kb/s|db|mb|bpm|fps)(?:\s?[/,]\s?{_NUMBER}\s?(?:bits?|k?hz))?\b", re.IGNORECASE),
    re.compile(
        rf"\b(?:(?:with|using|on|by|through|via)\s+)?(?:an?\s+|my\s+)?(?:{_EQUIPMENT})(?:\s+[A-Za-z]*\d[\w-]*|\s+(?:mic\w*|recorder))*\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:recorded\s+)?(?:in|as)\s+(?:mono|stereo)\b", re.IGNORECASE),
    re.compile(
        r"\b(?=\w*\d)(?=\w*[A-Za-z_])[\w-]{5,}\b|\b\d{4,}\b|#\w+|\b(?:no|nr|take|track|sample|version|v|part|id)\.?\s?#?\d+\b",
        re.IGNORECASE,
    ),
)
#: Sentences about the recording, not about its sounds.
_ABOUT = re.compile(
    r"\b(?:licen[cs]e|creative commons|attribution|copyright|royalty|credit me|please|download|upload\w*|subscribe|enjoy|feel free|"
    r"thanks|thank you|comments?|rate this|my (?:first|website|channel)|for (?:my|a) (?:project|film|game|class)|normali[sz]ed|"
    r"equali[sz]ed|compressed|edited (?:in|with)|microphones?|mono file|stereo file)\b",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"^(?:(?:and|or|but|with)\s+)+|"
    r"(?:[\s,;:-]+(?:(?:recorded|taken|filmed)(?:\s+(?:on|in|at|by|with|using))*|at|with|using|from|and|or|the|a|an|of))+$",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:as an ai|language model|i (?:can(?:no|')t|am unable)|i'm sorry|sorry,|the (?:caption|description|title)|not specified|"
    r"cannot be determined|failure)\b",
    re.IGNORECASE,
)
