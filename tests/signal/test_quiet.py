"""A damaged mp3 makes its decoder talk; a program that asks for quiet shows only its own words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sounds import write

PROGRAM = """
import sys
from auricle.signal.streaming import read
from auricle.signal.quiet import silence_native_stderr
if sys.argv[2] == "quiet":
    silence_native_stderr()
read(sys.argv[1], partial=True)
print("naïve words", file=sys.stderr)
raise SystemExit("the end")
"""


@pytest.mark.parametrize("how", ["quiet", "loud"])
def test_only_python_speaks(tmp_path: Path, how: str) -> None:
    path, _, _ = write(tmp_path / "sound", "mp3", seconds=4.0)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    result = subprocess.run([sys.executable, "-c", PROGRAM, path, how], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    if how == "quiet":
        assert result.stderr.splitlines() == ["naïve words", "the end"]
    else:
        assert "naïve words" in result.stderr and "resync" in result.stderr
