"""Each test file stands for a module or package: tests/metrics/test_psds.py tests auricle/metrics/psds.py. Exceptions are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent

#: Folders of tests that stand for no package.
FOLDERS = {
    "first_run": "what a newcomer runs: make, .ci/run and the examples",
    "parity": "agreement with published code and published numbers",
}

#: Test files that stand for no one module, and what they test instead.
FILES = {
    "listen/test_exclusive.py": "labels that exclude each other, wherever they are answered",
    "listen/test_published.py": "a Listener over published encoders",
    "listen/test_recordings.py": "a real published model on named recordings",
    "models/convert/test_clap_formats.py": "formats of published CLAP checkpoints",
    "models/convert/test_convolutional_formats.py": "formats of published convolutional checkpoints",
    "models/encoders/test_convolutions.py": "what all convolutional encoders have in common",
    "models/encoders/test_convolutions_exported.py": "ONNX graphs of convolutional encoders",
    "models/encoders/test_masks.py": "a masked batch against one clip at a time, for every family",
    "models/encoders/test_transformers.py": "what all transformer encoders have in common",
    "models/test_listening.py": "the shipped model in torch and in ONNX",
    "recipes/test_trainings.py": "every recipe from its defaults to a model",
    "serve/test_archive.py": "searching and playing an archive over HTTP",
    "serve/test_browser.py": "the page in a browser",
    "serve/test_docs.py": "the commands of docs/serve.md",
    "serve/test_document.py": "the OpenAPI document",
    "serve/test_limits.py": "limits of size, time and number over HTTP",
    "serve/test_process.py": "auricle serve as a process",
    "signal/test_damage.py": "damaged files through every reader",
    "signal/test_fuzz.py": "random bytes through every reader",
    "signal/test_golden.py": "stored features of every preset",
    "signal/test_judges.py": "front-ends beside librosa, Kaldi, torch and transformers",
    "signal/test_reading.py": "every format through every reader",
    "tasks/test_contract.py": "what all tasks have in common",
    "test_docs.py": "README.md and docs",
    "test_goldens.py": "stored answers of the shipped model and of a published one",
    "test_kept.py": "what earlier releases wrote",
    "test_mirror.py": "the layout of the tests",
    "test_mutations.py": "the table of faults that the tests have to notice",
    "test_package.py": "the public names",
    "test_paraphrases.py": "benchmarks/paraphrases.py on phrases of its own",
    "test_rooms.py": "imports between packages",
    "train/test_parts.py": "freezing, LoRA, optimisers and schedules of one training",
}


def modules(test: str) -> list[Path]:
    """Where the module or package of a test file (relative to tests/) may be: tests/recipes is of auricle/recipes and of recipes."""
    place = Path(test)
    name = place.parent / place.stem.removeprefix("test_")
    homes = [ROOT / "auricle", ROOT] if place.parts[0] == "recipes" else [ROOT / "auricle"]
    return [home / name.with_suffix(end) for home in homes for end in (".py", "")]


def mirrored(test: str) -> bool:
    return any(path.is_file() or (path.is_dir() and any(path.glob("*.py"))) for path in modules(test))


FOUND = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py"))


@pytest.mark.parametrize("test", [test for test in FOUND if test.split("/")[0] not in FOLDERS and test not in FILES])
def test_a_test_file_stands_for_a_module(test: str) -> None:
    assert mirrored(test), f"tests/{test} stands for no module: move it, or say in tests/test_mirror.py what it tests instead"


def test_the_exceptions_are_needed() -> None:
    assert [folder for folder in FOLDERS if not (TESTS / folder).is_dir() or (ROOT / "auricle" / folder).exists()] == []
    assert [test for test in FILES if test not in FOUND or mirrored(test)] == []


def test_a_file_without_a_module_is_found() -> None:
    assert mirrored("metrics/test_psds.py") and mirrored("nn/losses/test_masked_spectrogram.py") and mirrored("recipes/test_prepare.py")
    assert not mirrored("metrics/test_masked.py") and not mirrored("test_nothing.py")


def test_files_of_one_name_lie_in_packages() -> None:
    """pytest imports a file outside a package by its bare name, so only one of that name can be collected."""
    bare = [Path(test).name for test in FOUND if not (TESTS / test).parent.joinpath("__init__.py").exists()]
    assert sorted({name for name in bare if bare.count(name) > 1}) == []
