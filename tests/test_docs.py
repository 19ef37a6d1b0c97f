"""The README and docs are true: figures come from records, links lead somewhere, commands and code marked `<!--tested-->` run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import auricle
from auricle.bench import results
from auricle.core.records import Heard
from auricle.data.corpora import CORPORA

ROOT = Path(__file__).parents[1]
PAGES = results.pages(ROOT)
RECORDS = results.read_records(ROOT / "docs" / "results")
FENCE = re.compile(r"(<!--tested-->\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: Numbers with a point that are no measurement: versions and licences.
VERSIONS = re.compile(r"(?:Python|BY|BY-SA|BY-NC|CC0|Apache|version|v)[\s-]?\d+(?:\.\d+)+\+?|\d+(?:\.\d+){2,}")
FIGURE = re.compile(r"\d+\.\d+|\d+\s?%")
MEASURED = re.compile(r"accura|\bmAP\b|\bF1\b|PSDS|\bECE\b|calibration error|recall|top-1|clips/s|faster|times as fast", re.IGNORECASE)

shipped = pytest.mark.skipif(
    not (ROOT / "auricle" / "weights" / "auricle-tiny" / "config.json").is_file(),
    reason="auricle/weights/auricle-tiny is not in this checkout; train it with python -m recipes.tiny --study ship",
)


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(text: str) -> str:
    """The page without code, marked figures, comments, addresses and version numbers; line numbers are kept."""
    for pattern in (
        FENCE,
        results.MARK,
        re.compile(r"<!--.*?-->", re.DOTALL),
        re.compile(r"`[^`\n]*`"),
        re.compile(r"\]\([^)]*\)"),
    ):
        text = pattern.sub(lambda found: "\n" * found[0].count("\n"), text)
    return VERSIONS.sub("", text)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_marked_figures_are_what_the_records_say(page: Path) -> None:
    for found in results.MARK.finditer(page.read_text(encoding="utf-8")):
        shown = results.shown(RECORDS, found)
        assert found[5] == shown, f"{page_name(page)}: {found[0]} should show {shown}; run `make results`"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_no_figure_without_a_record(page: Path) -> None:
    strict = page.name == "README.md"
    for number, line in enumerate(prose(page.read_text(encoding="utf-8")).splitlines(), start=1):
        table = line.lstrip().startswith("|") and page.parent.name in (ROOT.name, "tasks", "models", "recipes")
        if strict or table or MEASURED.search(line):
            found = FIGURE.search(line)
            assert not found, f"{page_name(page)}:{number}: {found[0]!r} is in no record; write it as <!--r:RECORD.FIGURE-->"


def test_results_page_is_rendered_from_the_records() -> None:
    page = ROOT / "docs" / "results.md"
    weights = results.fingerprint(ROOT / "auricle" / "weights" / "auricle-tiny")
    assert page.read_text(encoding="utf-8") == results.render(RECORDS, weights), "run `make results`"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    addresses = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8"))))
    near = [address.split("#")[0] for address in addresses if not re.match(r"https?://|mailto:|#", address)]
    assert [address for address in near if not (page.parent / address).exists()] == []


def marked_code(page: Path, *languages: str) -> list[str]:
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    return [code for mark, language, code in blocks if mark and language in languages]


def with_marked_code(*languages: str) -> list[Path]:
    return [page for page in PAGES if marked_code(page, *languages)]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples in it, as a reader has who tries a page."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@shipped
@pytest.mark.parametrize("page", with_marked_code("python"), ids=page_name)
def test_python_of_the_page_runs(page: Path, workplace: Path) -> None:
    names: dict[str, object] = {}
    for code in marked_code(page, "python"):
        exec(compile(code, page_name(page), "exec"), names)


@pytest.mark.slow
@shipped
@pytest.mark.parametrize("page", with_marked_code("sh", "bash"), ids=page_name)
def test_commands_of_the_page_run(page: Path, workplace: Path) -> None:
    for line in "".join(marked_code(page, "sh", "bash")).splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        assert words[0] == "auricle", f"{page_name(page)}: only auricle's own commands are marked as tested, not {line!r}"
        files = [match for word in words[1:] for match in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
        done = subprocess.run([sys.executable, "-m", "auricle", *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"


def shown_json() -> list[dict[str, Any]]:
    blocks = FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    return [json.loads(code) for _, language, code in blocks if language == "json"]


def test_json_of_the_readme_has_the_fields_of_the_record() -> None:
    known = set(Heard("a.wav", labels=(), error="x").to_dict())
    assert shown_json()
    for shown in shown_json():
        assert set(shown) <= known and {"version", "file", "duration", "coverage", "silent", "tags", "events"} <= set(shown)


@shipped
def test_json_of_the_readme_is_what_is_heard(workplace: Path) -> None:
    listener = auricle.load()
    for shown in shown_json():
        words = [label["label"] for label in shown.get("labels", ())]
        real = json.loads(listener.listen(shown["file"], labels=words or None).to_json())
        real["tags"] = real["tags"][: len(shown["tags"])]
        assert flat(shown) == pytest.approx(flat({key: real[key] for key in shown}), abs=0.01)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Nested JSON as one flat mapping, so that numbers can be compared with a tolerance."""
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: leaf for key, each in pairs for name, leaf in flat(each, f"{path}.{key}").items()}
    return {path: value}


def test_every_corpus_is_in_the_page_about_data() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    for name, corpus in CORPORA.items():
        assert f"recipes.prepare {name} " in page and f"`{corpus.folder}`" in page, name


def test_changelog_knows_this_version() -> None:
    assert f"## {auricle.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
