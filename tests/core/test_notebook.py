from __future__ import annotations

from html.parser import HTMLParser

from auricle.core.records import Analysis, Event, Label


class Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def shown(heard: Analysis) -> str:
    html = heard._repr_html_()
    balance = Balance()
    balance.feed(html)
    assert not balance.open
    return html


def test_shows_what_is_present_and_escapes_names() -> None:
    events = tuple(Event("dog", float(second), second + 0.5, 0.8) for second in range(5))
    html = shown(Analysis("<b>.wav", 6.0, 1.0, tags=(Label("dog", 0.9, True), Label("cat", 0.1, False)), events=events))
    assert "&lt;b&gt;.wav" in html and "<b>.wav" not in html
    assert "dog" in html and "cat" not in html and "0:00.0–0:00.5" in html and "+ 2" in html


def test_says_silent_nothing_and_error_plainly() -> None:
    assert "silent" in shown(Analysis("a", 1.0, 1.0, silent=True))
    assert "nothing recognised" in shown(Analysis("a", 1.0, 1.0))
    assert "nothing recognised; perhaps: sheep 0.54" in shown(Analysis("a", 1.0, 1.0, perhaps=(Label("sheep", 0.54, False),)))
    assert "no such file" in shown(Analysis("a", error="a: no such file"))
    assert "50 % analysed" in shown(Analysis("a", 1.0, 0.5))


def test_asked_words_say_whether_they_are_present() -> None:
    assert "not present" in shown(Analysis("a", 1.0, 1.0, labels=(Label("siren", 0.2, False),)))
