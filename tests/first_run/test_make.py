"""The commands of a newcomer: what they run, with which arguments and exit status, without installing anything."""

from __future__ import annotations

import os
import re
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE = {"numpy", "soundfile", "soxr", "onnxruntime", "tokenizers", "pydantic", "typer", "rich", "safetensors"}


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in the project's root."""
    clean = {
        key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key not in ("FILES", "VENV", "ARGS", "MODEL")
    }
    return subprocess.run(["make", *arguments], cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False)


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A virtual environment that is already made, whose programs print their arguments and end with the status in STATUS."""
    (tmp_path / "venv/bin").mkdir(parents=True)
    for name in ("auricle", "python", "ruff", "mypy"):
        program = tmp_path / "venv/bin" / name
        program.write_text(f'#!/bin/sh\necho {name}\nfor word in "$@"; do echo "<$word>"; done\nexit ${{STATUS:-0}}\n')
        program.chmod(0o755)
    for stamp in (".core", ".dev", ".published"):
        (tmp_path / "venv" / stamp).touch()
    return tmp_path / "venv"


def test_listen_hears_the_examples(venv: Path) -> None:
    started = time.monotonic()
    result = make("listen", f"VENV={venv}")
    assert time.monotonic() - started < 5
    examples = sorted(f"<{path.relative_to(ROOT)}>" for path in (ROOT / "examples").glob("*.ogg"))
    assert result.returncode == 0 and len(examples) >= 3
    assert result.stdout.split("\n")[:-1] == ["auricle", "<listen>", *examples]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ("a.wav b.mp3", ["a.wav", "b.mp3"]),
        ("'my file.wav' b.mp3", ["my file.wav", "b.mp3"]),
        ("ünï-🔊.wav", ["ünï-🔊.wav"]),
        ("missing.wav", ["missing.wav"]),
    ],
)
def test_listen_hears_files(venv: Path, files: str, words: list[str]) -> None:
    assert make("listen", f"VENV={venv}", f"FILES={files}").stdout.split("\n")[2:-1] == [f"<{word}>" for word in words]


@pytest.mark.parametrize("name", ["one file.wav", "it's.wav", "a(1) & b.wav", 'say "hi".wav'])
def test_listen_hears_one_file_of_any_name(venv: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert make("listen", f"VENV={venv}", f"FILES={tmp_path / name}").stdout.split("\n")[2:-1] == [f"<{tmp_path / name}>"]


def test_listen_takes_a_model_by_name(venv: Path) -> None:
    for name in ("mn04", "my model"):
        words = make("listen", f"VENV={venv}", f"MODEL={name}", "FILES=a.wav").stdout.split("\n")[1:-1]
        assert words == ["<listen>", "<-m>", f"<{name}>", "<a.wav>"]
    assert "<-m>" not in make("listen", f"VENV={venv}", "FILES=a.wav", MODEL="of-something-else").stdout  # of the environment


@pytest.mark.parametrize("target", ["listen", "test", "lint", "results"])
def test_the_exit_status_comes_through(venv: Path, target: str) -> None:
    assert make(target, f"VENV={venv}").returncode == 0
    assert make(target, f"VENV={venv}", STATUS="1").returncode != 0


def test_test_runs_pytest(venv: Path) -> None:
    words = make("test", f"VENV={venv}", "ARGS=tests/signal -m 'not slow'").stdout.split("\n")[:-1]
    assert words[:3] == ["python", "<-m>", "<pytest>"] and words[-3:] == ["<tests/signal>", "<-m>", "<not slow>"]


def test_a_fresh_install_takes_the_core_alone_and_torch_first(tmp_path: Path) -> None:
    listen = make("-n", "listen", f"VENV={tmp_path}/venv").stdout
    assert "install -c constraints.txt -e ." in listen and "torch==" not in listen and "[dev]" not in listen
    test = make("-n", "test", f"VENV={tmp_path}/venv").stdout
    published = make("-n", "listen", f"VENV={tmp_path}/venv", "MODEL=mn04").stdout
    assert published.index("-e .") < published.index("torch==2.13.0") < published.index("[hf,export]") < published.index("auricle listen")
    assert test.index("-e .") < test.index("torch==2.13.0") < test.index("[dev]") < test.index("-m pytest")


def test_a_python_that_is_too_old_is_said_so(tmp_path: Path) -> None:
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    result = make("listen", f"VENV={tmp_path}/venv", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert result.returncode != 0 and "Python 3.11" in result.stderr


@pytest.mark.parametrize("status", [0, 1, 2])
def test_ci_ends_with_the_closing_line_and_the_status_of_the_tests(tmp_path: Path, status: int) -> None:
    closing = "=== 1 failed, 41 passed, 2 skipped in 12.34s ===" if status else "41 passed in 12.34s"
    result = ci(ROOT, tmp_path, f'echo "$@"\necho "{closing}"\necho later >&2\nexit {status}')
    lines = result.stdout.splitlines()
    assert result.returncode == status and lines[-1] == closing
    assert ("the page could not be built" in result.stdout) == bool(status)
    venv = re.search(r"^test VENV=(\S+)$", result.stdout, re.MULTILINE)
    assert venv and not Path(venv[1]).parent.exists()  # what it made is removed


def ci(checkout: Path, programs: Path, make: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run .ci/run of a checkout with a make of this text, as a developer: outside CI it installs no system package."""
    (programs / "make").write_text(f"#!/bin/sh\n{make}\n")
    (programs / "make").chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "AURICLE_DATA", "AURICLE_PARITY")}
    clean["PATH"] = f"{programs}:{clean['PATH']}"
    return subprocess.run([checkout / ".ci/run"], env=clean | environment, capture_output=True, text=True, check=False)


def test_ci_names_the_recordings_and_published_numbers_beside_the_checkout(tmp_path: Path) -> None:
    tell = 'echo "$1 data=$AURICLE_DATA parity=$AURICLE_PARITY"'
    (tmp_path / "checkout/.ci").mkdir(parents=True)
    (tmp_path / "checkout/.ci/run").write_bytes((ROOT / ".ci/run").read_bytes())
    (tmp_path / "checkout/.ci/run").chmod(0o755)
    assert "test data= parity=\n" in ci(tmp_path / "checkout", tmp_path, tell).stdout
    for name in ("data", "parity"):
        (tmp_path / "shared" / name).mkdir(parents=True)
    found = f"test data={tmp_path}/shared/data parity={tmp_path}/shared/parity\n"
    assert found in ci(tmp_path / "checkout", tmp_path, tell).stdout
    chosen = f"test data=/mine parity={tmp_path}/shared/parity\n"
    assert chosen in ci(tmp_path / "checkout", tmp_path, tell, AURICLE_DATA="/mine").stdout


def test_the_core_is_what_it_should_be() -> None:
    assert {Requirement(line).name for line in PROJECT["dependencies"]} == CORE


def test_every_requirement_has_a_lower_bound_that_the_tested_version_meets() -> None:
    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    tested = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}
    assert tested["torch"] == "2.13.0"
    wanted = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    for requirement in map(Requirement, wanted):
        if requirement.name != "auricle":
            assert any(clause.operator == ">=" for clause in requirement.specifier), requirement
            assert requirement.specifier.contains(tested[canonicalize_name(requirement.name)]), requirement
