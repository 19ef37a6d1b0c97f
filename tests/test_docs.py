"""The README and docs are true: figures come from records, links lead somewhere, commands and code marked `<!--tested-->` run."""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import auricle
from auricle import cli
from auricle.bench import disk_cache, results
from auricle.core import audioset
from auricle.core.config import Strict
from auricle.core.model_files import read_config
from auricle.core.records import Analysis
from auricle.data.corpora import CORPORA
from auricle.data.prompts import descriptions, label_file
from auricle.listen import textcache
from auricle.runtime import exported
from auricle.serve.settings import Settings
from auricle.signal import opening
from auricle.tasks import detection
from auricle.train import registry
from auricle.train.settings import build_config

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
    reason="auricle/weights/auricle-tiny is not in this checkout; train it with python -m registry.tiny --study ship",
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
        shown = results.format_figure(RECORDS, found)
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


#: Modules with examples in docstrings.
EXAMPLES = sorted(path for path in (ROOT / "auricle").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
#: Public calls that have an example.
SHOWN = {
    "listen/listener.py": ["load", "listen", "tag", "detect", "each", "embed_audio", "embed_each", "embed_text", "open"],
    "listen/zeroshot.py": ["ZeroShot", "classify", "calibrate"],
    "listen/heads.py": ["fit"],
    "signal/streaming.py": ["read"],
    "core/records.py": ["Clip"],
    "archive/store.py": ["create", "open"],
    "archive/indexing.py": ["index"],
    "archive/search.py": ["search"],
    "archive/teaching.py": ["teach"],
}


@shipped
@pytest.mark.parametrize("path", EXAMPLES, ids=page_name)
def test_examples_of_docstrings_run(path: Path, workplace: Path) -> None:
    """Each example runs with `auricle` imported and `listener` an open default model, in a folder that has the examples."""
    if path.parent.name == "archive":
        pytest.importorskip("lancedb")
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    output: list[str] = []
    names = {"auricle": auricle, "listener": auricle.load()}
    found = [test for test in doctest.DocTestFinder().find(module, extraglobs=names) if test.examples]
    for test in found:
        runner.run(test, out=output.append)
    assert found and runner.failures == 0, "".join(output)
    without = set(SHOWN.get(str(path.relative_to(ROOT / "auricle")), ())) - {test.name.rpartition(".")[2] for test in found}
    assert not without, f"{page_name(path)}: {without} should have an example"


def test_calls_of_the_list_have_examples() -> None:
    assert {ROOT / "auricle" / name for name in SHOWN} <= set(EXAMPLES)


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


#: A command of auricle in code: its verb, and the rest of it.
COMMAND = re.compile(r"(?<![\w./-])(?<!from )(?<!import )auricle ([a-z]+)\b([^\n`;]*)")
OPTION = re.compile(r"(?<=\s)(--[a-z][a-z-]*|-[a-z])\b")


@functools.cache
def options() -> dict[str, set[str]]:
    """Options of each verb."""
    app = typer.Typer()
    cli.audio_commands.add_to(app)
    cli.add_others(app)
    command: Any = typer.main.get_command(app)
    return {
        verb: {"--help", *(name for each in made.params for name in (*each.opts, *each.secondary_opts))}
        for verb, made in command.commands.items()
    }


@functools.cache
def recipe_configs() -> dict[str, type[Strict]]:
    """The settings of each recipe."""
    return {name: registry.load(name).Config for name in registry.list_recipes()}


def code_of(page: Path) -> list[str]:
    """Code of a page: fenced, indented, in a line; of a module its docstring."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".py":
        text = ast.get_docstring(ast.parse(text)) or ""
    blocks = [code for _, _, code in FENCE.findall(text)]
    text = FENCE.sub("", text)
    return [*blocks, *re.findall(r"^ {4}(.*)$", text, re.MULTILINE), *re.findall(r"`([^`\n]+)`", text)]


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "auricle" / "recipes").glob("*.py"))], ids=page_name)
def test_options_of_commands_exist(page: Path) -> None:
    known = options()
    for code in code_of(page):
        for verb, rest in COMMAND.findall(code):
            assert verb in known, f"{page_name(page)}: there is no auricle {verb}"
            assert set(OPTION.findall(rest.partition(" | ")[0].partition(" #")[0])) <= known[verb], (
                f"{page_name(page)}: auricle {verb}{rest}"
            )
        if code.startswith("--"):
            option = code.split()[0].split("=")[0]
            assert any(option in of for of in known.values()), f"{page_name(page)}: no verb has {option}"


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "auricle" / "recipes").glob("*.py"))], ids=page_name)
def test_settings_of_recipes_exist(page: Path) -> None:
    pytest.importorskip("torch")
    from auricle.recipes.merging.config import MergeConfig

    configs = recipe_configs()
    for code in code_of(page):
        for verb, rest in COMMAND.findall(code):
            words = shlex.split(rest, comments=True) if verb in ("train", "merge") else []
            if config := MergeConfig if verb == "merge" else configs.get(words[0]) if words else None:
                build_config(config, [value for flag, value in itertools.pairwise(words) if flag == "--set"])
        for name in re.findall(r"^--set ([a-z_]+)", code):
            known = (*configs.values(), MergeConfig)
            assert any(name in config.model_fields for config in known), f"{page_name(page)}: neither a recipe nor a merge has {name}"


def stated() -> dict[str, list[str]]:
    """What pages say, made of the values that the code has."""
    window = read_config(ROOT / "auricle" / "weights" / "auricle-tiny" / "config.json").window
    rule, settings = detection.RULE, Settings()
    low, high = opening.RATES
    return {
        "docs/tasks/detection.md": [
            f"Pauses of up to {rule.pause:g} s are bridged",
            f"what lasts under {rule.shortest:g} s is dropped",
            f"A median over {rule.smooth:g} s",
            f"stays over {rule.hold:g} times that",
        ],
        "docs/tasks/tagging.md": [f"windows of {window.seconds:g} s that overlap by {window.seconds - window.hop:g} s"],
        "docs/tasks/retrieval.md": [f"each window of {window.seconds:g} s"],
        "docs/models/auricle-tiny.md": [f"in windows of {window.seconds:g} s"],
        "docs/tasks/zero-shot.md": [
            f"at most {descriptions.MAX_TEXTS} texts of {label_file.MAX_LETTERS} letters each for {label_file.MAX_LABELS:,} labels".replace(
                ",", " "
            ),
            f"file of at most {label_file.MAX_BYTES // 10**6} MB",
            f"at most {textcache.LIMIT // 10**6} MB",
            f"AudioSet's {len(audioset.labels())} names",
        ],
        "docs/start.md": [f"{low // 1000} to {high // 1000} kHz", f"**Channels**, 1 to {opening.MAX_CHANNELS},"],
        "docs/bench.md": [f"at most {disk_cache.LIMIT // 10**9} GB"],
        "docs/words.md": [f"pauses up to `{rule.pause:g}` s are bridged"],
        "docs/models/running.md": [f"a cosine of `{exported.MIN_COSINE}`"],
        "docs/serve.md": [
            f"`{settings.host}`, {settings.port} |",
            f"10^6 bytes | {settings.max_bytes // 10**6} |",
            f"of a recording, minutes | {settings.max_seconds / 60:g} |",
            f"concurrent requests | {settings.max_requests} |",
            f"no byte for {settings.idle_timeout:g} s",
            f"less than {settings.min_rate / 1000:g} kB per second over {settings.rate_window:g} s",
        ],
        "docs/architecture.md": [f"puts {len(json.loads((ROOT / 'benchmarks' / 'mutations.json').read_text()))} faults"],
    }


@pytest.mark.parametrize("page", sorted(stated()))
def test_numbers_of_a_page_are_those_of_the_code(page: str) -> None:
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert [said for said in stated()[page] if said not in text] == []


def shown_json() -> list[dict[str, Any]]:
    blocks = FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    return [json.loads(code) for _, language, code in blocks if language == "json"]


def test_json_of_the_readme_has_the_fields_of_the_record() -> None:
    known = set(Analysis("a.wav", labels=(), error="x").to_dict())
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
        command = f"recipes.prepare {name} " if corpus.published else f"recipes.{name} --out"
        assert command in page and f"`{corpus.folder}`" in page, name


def test_changelog_knows_this_version() -> None:
    assert f"## {auricle.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
