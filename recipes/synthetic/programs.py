"""External programs: found on the PATH, or an error that says how to install them; run with a time limit."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from auricle.core.errors import InputError

#: Program -> Debian packages that install it.
PACKAGES = {"fluidsynth": "fluidsynth fluid-soundfont-gm", "espeak-ng": "espeak-ng", "flite": "flite"}
#: Where Debian, Fedora and Arch install the sound font FluidR3 GM.
SOUND_FONTS = ("/usr/share/sounds/sf2/FluidR3_GM.sf2", "/usr/share/soundfonts/FluidR3_GM.sf2")
_SECONDS = 60  # that a program may take for one clip


def find_program(name: str) -> str:
    """The path of a program. InputError with the command that installs it where it is missing."""
    found = shutil.which(name)
    if found is None:
        raise InputError(
            f"the program {name} is not installed; install it (Debian, Ubuntu: apt-get install {PACKAGES[name]}), "
            "or choose kinds that need no program with --only"
        )
    return found


def find_sound_font() -> str:
    """The path of FluidR3_GM.sf2. InputError with the command that installs it where it is missing."""
    for path in SOUND_FONTS:
        if Path(path).is_file():
            return path
    raise InputError(
        f"the sound font FluidR3_GM.sf2 is not installed, looked at {', '.join(SOUND_FONTS)}; "
        "install it (Debian, Ubuntu: apt-get install fluid-soundfont-gm), or choose kinds without music with --only"
    )


def run(name: str, arguments: list[str], *, text: str = "") -> bytes:
    """Run a program with `text` as its input; returns its output. InputError where it fails or takes longer than a minute."""
    command = [find_program(name), *arguments]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"{name} took more than {_SECONDS} s for one clip; run `{' '.join(command)}` to see why") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(f"{name} failed with status {done.returncode}: {reason[-1][:200] if reason else 'no message'}")
    return done.stdout
