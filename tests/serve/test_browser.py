"""The page in a real browser, over a service that runs: what people do with it, by mouse and by keys."""

from __future__ import annotations

import base64
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from tone_model import RATE, silence, tone

from auricle.listen.listener import Listener

if TYPE_CHECKING:
    import httpx2 as httpx
    from playwright.sync_api import Browser, Page

    from auricle.archive.store import Archive
    from serve.running import Serve

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWITCHES = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="playwright is not installed; it is in the extra dev"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed; apt-get install chromium"),
    pytest.mark.skipif(not (ROOT / "auricle/serve/page/index.html").is_file(), reason="the page is not built; run make page"),
]

#: A file's name and the tones in it, four seconds each with four of silence before it; every file is of another length.
TAKES = {
    "a.wav": ("low tone", "middle tone"),
    "b.wav": ("middle tone", "high tone"),
    "c.wav": ("high tone", "low tone"),
    "d.wav": ("low tone", "high tone"),
    "e.wav": ("middle tone", "low tone"),
    "f.wav": ("high tone", "middle tone"),
    "no browser plays this.aiff": ("middle tone", "middle tone"),
    **{f"whistle {number}.wav": ("high tone",) for number in range(6)},
}


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("takes")
    for number, (name, tones) in enumerate(TAKES.items()):
        pieces = [piece for label in tones for piece in (silence(4), tone(label, 4))]
        soundfile.write(folder / name, np.concatenate([*pieces, silence(1 + number / 10)]), RATE)
    return folder


@pytest.fixture(scope="module")
def studio(takes: Path, listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive of the takes."""
    from auricle.archive import sources
    from auricle.archive.indexing import index
    from auricle.archive.store import Archive

    made = Archive.create(tmp_path_factory.mktemp("archives") / "studio", listener, window=4.0, hop=4.0)
    index(made, listener, sources.find_recordings([str(takes)]))
    return made


@pytest.fixture(scope="module")
def address(studio: Archive, listener: Listener) -> Iterator[str]:
    """Of a service with that archive."""
    from serve.running import served

    with served(listener, studio) as client:
        yield place(client)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address. At the end nothing may have been complained of, and nothing asked of anywhere else."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["microphone"])
    complaints: list[str] = []
    asked: list[str] = []
    homes: set[str] = set()

    def open_page(address: str, *, refused: tuple[int, ...] = ()) -> Page:
        page = context.new_page()
        expected = tuple(f"Failed to load resource: the server responded with a status of {status}" for status in refused)
        page.on("console", lambda said: complaints.append(said.text) if bad(said, expected) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        homes.add(urlsplit(address).netloc)
        page.goto(address)
        page.wait_for_function("() => document.querySelector('#facts').textContent !== ''")
        page.evaluate("document.querySelector('#player').addEventListener('playing', ({target}) => { window.began = target.currentTime; })")
        return page

    yield open_page
    context.close()
    assert complaints == []
    assert asked and {urlsplit(url.removeprefix("blob:")).netloc for url in asked} == homes


def bad(said: Any, expected: tuple[str, ...]) -> bool:
    return said.type in ("error", "warning") and not (expected and said.text.startswith(expected))


def place(client: httpx.Client) -> str:
    return str(client.base_url)


def search(page: Page, words: str) -> None:
    page.click("nav >> text=Search")
    page.fill("#text", words)
    page.press("#text", "Enter")
    page.wait_for_selector(f"#found .summary >> text={words}")


def hits(page: Page, where: str = "#found") -> list[str]:
    return page.locator(f"{where} .hit .name").all_text_contents()


def drop(page: Page, path: Path) -> None:
    """What a browser does when a file is dropped from a file manager."""
    carried = page.evaluate_handle(
        """([text, name]) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)), carried = new DataTransfer();
            carried.items.add(new File([bytes], name));
            return carried;
        }""",
        [base64.b64encode(path.read_bytes()).decode(), path.name],
    )
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event("#drop", kind, {"dataTransfer": carried, "bubbles": True, "cancelable": True})


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something is focused, as somebody without a mouse does."""
    for _ in range(80):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {selector}")


# Listening


def test_a_chosen_file_is_heard_seen_and_asked_about(visit: Callable[..., Page], address: str, takes: Path) -> None:
    page = visit(address)
    page.set_input_files("#file", takes / "a.wav")
    page.wait_for_selector(".file .scores")
    assert page.locator(".file h2").text_content() == "a.wav"
    assert sorted(page.locator(".file .present .word").all_text_contents()) == ["low tone", "middle tone"]
    first = page.locator(".event").first
    assert first.get_attribute("aria-label") == "low tone, 0:04.0 to 0:08.0, score 1.00: play"
    page.fill(".ask input", "high tone, deep hum")
    page.press(".ask input", "Enter")
    page.wait_for_selector("text=deep hum")
    asked = page.locator(".scores table").first.locator("tr").all_text_contents()
    assert asked[0].startswith("high tone") and asked[0].endswith("not present")
    assert asked[1].startswith("deep hum") and asked[1].endswith("not present, by its text")
    page.wait_for_selector(".place > .picture canvas")
    shades = page.eval_on_selector(
        ".place > .picture canvas", "(canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    )
    assert shades > 50, "the spectrogram is one flat surface"


def test_a_dropped_file_is_heard_wherever_it_falls(visit: Callable[..., Page], address: str, takes: Path) -> None:
    page = visit(address)
    drop(page, takes / "f.wav")
    page.wait_for_selector(".file .scores")
    assert page.locator(".gutter .lane").all_text_contents() == ["high tone", "middle tone"]


def test_an_event_plays_from_its_onset(visit: Callable[..., Page], address: str, takes: Path) -> None:
    page = visit(address)
    page.set_input_files("#file", takes / "a.wav")
    page.click(".event >> nth=1")
    page.wait_for_selector(".player.playing")
    assert float(page.get_attribute(".place", "aria-valuenow") or 0) >= 12
    page.click(".bar .play")
    page.wait_for_selector(".player:not(.playing)")


def test_what_cannot_be_heard_is_said(visit: Callable[..., Page], address: str) -> None:
    page = visit(address, refused=(422,))
    page.set_input_files("#file", {"name": "notes.wav", "mimeType": "audio/wav", "buffer": b"these are words"})
    said = page.locator(".file .error").text_content() or ""
    assert said.startswith("notes.wav: is not a recognised audio file; wanted wav, ")
    assert all(f" {name}" in said for name in ("flac", "mp3", "with auricle[av] m4a", "webm"))
    page.click("[aria-label='Remove notes.wav']")
    assert page.locator(".file").count() == 0


def test_the_microphone_is_heard(visit: Callable[..., Page], address: str) -> None:
    page = visit(address)
    page.click("#record")
    page.wait_for_function("() => document.querySelector('#microphone [role=timer]').textContent >= '0:01.0'")
    page.click("#record")
    page.wait_for_selector(".file .scores")
    assert (page.locator(".file h2").text_content() or "").startswith("recorded at")
    assert page.locator("#microphone").is_hidden()


# Searching


def test_a_hit_plays_from_its_own_second_to_its_end(visit: Callable[..., Page], address: str) -> None:
    page = visit(address)
    search(page, "middle tone")
    hit = page.locator("#found .hit", has_text="a.wav").first
    assert "0:12.0 to 0:16.0" in (hit.text_content() or "")
    hit.locator(".play").click()
    page.wait_for_function("() => window.began !== undefined")
    assert 12 <= page.evaluate("window.began") < 12.5
    page.evaluate("document.querySelector('#player').currentTime = 15.9")
    page.wait_for_selector("#found .hit:not(.playing) >> text=a.wav")
    page.wait_for_function("() => document.querySelector('#player').paused")


def test_what_the_browser_does_not_play_comes_as_a_cut(visit: Callable[..., Page], address: str) -> None:
    page = visit(address)
    search(page, "middle tone")
    page.locator("#found .hit", has_text="no browser plays this.aiff").first.locator(".play").click()
    page.wait_for_selector("#found .hit.playing >> text=no browser plays this.aiff")
    assert page.evaluate("document.querySelector('#player').src").startswith("blob:")
    assert page.locator("#found .hit .error:visible").count() == 0


def test_a_hit_or_a_file_is_an_example_for_the_next_search(visit: Callable[..., Page], address: str, takes: Path) -> None:
    page = visit(address)
    search(page, "high tone")
    first = page.locator("#found .hit").first
    first.locator("text=Like this").click()
    page.wait_for_selector("#found .summary >> text=sounds like")
    assert all("high tone" in text for text in page.locator("#found .hit").all_text_contents()[:3])
    page.click("text=More options")
    page.set_input_files("#example", {"name": "mine.wav", "mimeType": "audio/wav", "buffer": (takes / "a.wav").read_bytes()})
    page.wait_for_selector("#found .summary >> text=sounds like mine.wav")
    page.click(".chip button")
    page.fill("#text", "low tone")
    page.fill("#where", "file like '%c.wav'")
    page.press("#where", "Enter")
    page.wait_for_selector("#found .summary >> text=low tone")
    assert set(hits(page)) == {"c.wav"}


def test_a_hit_is_looked_at(visit: Callable[..., Page], address: str) -> None:
    page = visit(address)
    search(page, "low tone")
    page.locator("#found .hit", has_text="c.wav").first.locator("text=Details").click()
    page.wait_for_selector(".file .scores")
    assert page.locator(".gutter .lane").all_text_contents() == ["low tone"]


# Teaching


def test_a_sound_is_taught_found_and_taught_better(visit: Callable[..., Page], address: str) -> None:
    page = visit(address)
    search(page, "high tone")
    for name in ("b.wav", "c.wav"):
        page.locator("#found .hit", has_text=name).first.locator("text=Yes").click()
    search(page, "low tone")
    page.locator("#found .hit", has_text="a.wav").first.locator("[data-verdict=no]").click()
    assert page.locator("#tray .gathered").text_content() == "2 yes1 no"
    page.fill("#tray input", "whistle")
    page.click("#tray >> text=Teach")
    page.wait_for_selector(".lesson[aria-pressed=true] >> text=2 yes, 1 no · version 1")
    page.click("#lesson >> text=Search")
    page.wait_for_selector("#lesson .hit")
    assert page.locator("#lesson .summary").text_content() == "10 hits for whistle; the following are less likely"
    assert all("high tone" in text for text in page.locator("#lesson .hit").all_text_contents()[:10])
    page.click("#lesson >> text=Label more")
    page.wait_for_selector("#lesson .why")
    checks = page.locator("#lesson .hit", has_text="hit: is it correct?")
    for place in range(5):
        checks.nth(place).locator("text=Yes").click()
    assert page.input_value("#tray input") == "whistle"
    page.click("#tray >> text=Teach")
    page.wait_for_selector(".lesson[aria-pressed=true] >> text=7 yes, 1 no · version 2")
    told = page.locator("#lesson .certainty").text_content()
    assert told == "Trained on 7 yes and 1 no.Precision of version 1: 100 % (57 % to 100 %, 5 checked)."


# Whoever comes


def test_all_of_it_goes_by_keys_alone(visit: Callable[..., Page], address: str) -> None:
    page = visit(address)
    tab_to(page, "nav a[href='#search']")
    page.keyboard.press("Enter")
    tab_to(page, "#text")
    page.keyboard.type("middle tone")
    page.keyboard.press("Enter")
    page.wait_for_selector("#found .hit")
    tab_to(page, "#found .hit .play")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.wait_for_selector("#found .hit:nth-child(2).playing")
    page.keyboard.press("Space")
    page.wait_for_selector("#found .hit:nth-child(2):not(.playing)")
    page.keyboard.press("y")
    assert page.get_attribute("#found .hit:nth-child(2) .yes", "aria-pressed") == "true"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("n")
    assert page.locator("#tray .gathered").text_content() == "1 yes1 no"
    page.keyboard.press("t")
    page.keyboard.type("hum")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "what has the focus does not show it"
    page.keyboard.press("Enter")
    page.wait_for_selector(".lesson[aria-pressed=true] >> text=hum")
    assert page.evaluate("document.activeElement.textContent") == "hum"
    tab_to(page, "#lesson .button.primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#lesson .hit")


def test_a_token_is_asked_for_and_goes_along(visit: Callable[..., Page], serve: Serve, studio: Archive) -> None:
    page = visit(place(serve(archive=studio, token="a token of many letters")), refused=(401,))
    page.click("nav >> text=Search")
    page.fill("#text", "middle tone")
    page.press("#text", "Enter")
    for token in ("another", "a token of many letters"):
        page.wait_for_selector("#token[open]")
        page.fill("#token-value", token)
        page.press("#token-value", "Enter")
    page.wait_for_selector("#found .hit")
    page.locator("#found .hit .play").first.click()
    page.wait_for_selector("#found .hit.playing")
    page.reload()
    search(page, "low tone")
    assert page.locator("#token").is_hidden()


def test_without_an_archive_the_page_says_how_to_make_one(visit: Callable[..., Page], serve: Serve) -> None:
    page = visit(place(serve(archive=None)))
    for link, section in (("Search", "#search"), ("Teach", "#taught")):
        page.click(f"nav >> text={link}")
        assert "auricle index recordings --archive sounds.archive" in (page.locator(section).text_content() or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_holds_all_of_it(visit: Callable[..., Page], address: str, takes: Path, scheme: Any) -> None:
    page = visit(address)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    page.set_input_files("#file", {"name": f"{'a long name ' * 9}.wav", "mimeType": "audio/wav", "buffer": (takes / "a.wav").read_bytes()})
    page.wait_for_selector(".file .scores")
    for step in (lambda: None, lambda: search(page, "middle tone"), lambda: page.locator(".yes").first.click()):
        step()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
