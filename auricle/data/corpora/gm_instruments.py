"""The 128 instruments and 47 drums of General MIDI, rendered from the sound font MuseScore_General; MIT. Rendered, not recorded.

Source: the Debian package musescore-general-soundfont-small, and fluidsynth. So these sounds are never a test of recordings.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from auricle.core.errors import InputError
from auricle.data.corpora.assembled import PEAK_DBFS, RATE, read_assembled
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.published import PublishedClip, find_path

FOLDER = "gm_instruments"
SECONDS = 3.0
#: Labels of the programs 0 to 127, and of the drums by their key.
# fmt: off
PROGRAMS = (
    "acoustic grand piano", "bright piano", "electric grand piano", "honky-tonk piano", "electric piano", "electric piano", "harpsichord",
    "clavinet", "celesta", "glockenspiel", "music box", "vibraphone", "marimba", "xylophone", "tubular bells", "dulcimer",
    "drawbar organ", "percussive organ", "rock organ", "church organ", "reed organ", "accordion", "harmonica", "tango accordion",
    "acoustic guitar (nylon)", "acoustic guitar (steel)", "jazz guitar", "clean electric guitar", "muted electric guitar",
    "overdriven guitar", "distorted guitar", "guitar harmonics", "double bass plucked", "electric bass", "electric bass", "fretless bass",
    "slap bass", "slap bass", "synth bass", "synth bass", "violin", "viola", "cello", "double bass bowed", "tremolo strings",
    "pizzicato strings", "harp", "timpani", "string ensemble", "string ensemble", "synth strings", "synth strings", "choir", "choir",
    "synth choir", "orchestra hit", "trumpet", "trombone", "tuba", "muted trumpet", "french horn", "brass section", "synth brass",
    "synth brass", "soprano saxophone", "alto saxophone", "tenor saxophone", "baritone saxophone", "oboe", "english horn", "bassoon",
    "clarinet", "piccolo", "flute", "recorder", "pan flute", "blown bottle", "shakuhachi", "whistle instrument", "ocarina", "synth lead",
    "synth lead", "synth lead", "synth lead", "synth lead", "synth lead", "synth lead", "synth lead", "synth pad", "synth pad",
    "synth pad", "synth pad", "synth pad", "synth pad", "synth pad", "synth pad", "synth effect", "synth effect", "synth effect",
    "synth effect", "synth effect", "synth effect", "synth effect", "synth effect", "sitar", "banjo", "shamisen", "koto", "kalimba",
    "bagpipe", "fiddle", "shanai", "tinkle bell", "agogo", "steel drums", "wood block", "taiko drum", "melodic tom", "synth drum",
    "reverse cymbal", "guitar fret noise", "breath noise", "ocean waves (synthetic)", "bird tweet (synthetic)",
    "telephone ring (synthetic)", "helicopter (synthetic)", "applause (synthetic)", "gunshot (synthetic)",
)
FIRST_DRUM = 35
DRUMS = (
    "bass drum", "bass drum", "snare side stick", "snare drum", "hand clap", "snare drum", "tom drum", "closed hi-hat", "tom drum",
    "pedal hi-hat", "tom drum", "open hi-hat", "tom drum", "tom drum", "crash cymbal", "tom drum", "ride cymbal", "chinese cymbal",
    "ride bell", "tambourine", "splash cymbal", "cowbell", "crash cymbal", "vibraslap", "ride cymbal", "bongo", "bongo", "conga", "conga",
    "conga", "timbale", "timbale", "agogo", "agogo", "cabasa", "maracas", "short whistle", "long whistle", "guiro", "guiro", "claves",
    "wood block", "wood block", "cuica", "cuica", "triangle", "triangle",
)
# fmt: on
#: What each instrument plays: (onset and length in seconds, semitones above its lowest note), once as a tune and once as two chords.
PHRASES = (
    ((0.0, 0.6, 0), (0.6, 0.6, 4), (1.2, 0.6, 7), (1.8, 0.8, 12)),
    (*((0.0, 1.2, step) for step in (0, 4, 7)), *((1.3, 1.3, step) for step in (0, 5, 9))),
)
_DRUM_CHANNEL, _TICKS = 9, 480  # ticks per quarter note, which is half a second by default


def read(root: str | Path) -> list[Row]:
    """356 rows (`row.rendered`), among them 6 drum loops; the clips of one instrument have one source."""
    return read_assembled(root, FOLDER, "gm_instruments")


def published(download: Path) -> Iterator[PublishedClip]:
    """The unpacked package musescore-general-soundfont-small: two phrases of each instrument and drum, rendered here with fluidsynth."""
    font = find_path(download, "**/MuseScore_General*.sf[23]", "the unpacked Debian package musescore-general-soundfont-small")
    if shutil.which("fluidsynth") is None:
        raise InputError("fluidsynth is not installed; wanted it to render the sound font (Debian: apt-get install fluidsynth)")
    instruments = [(f"{program:03}", label, 0, program, 48) for program, label in enumerate(PROGRAMS)]
    drums = [(f"drum-{key}", label, _DRUM_CHANNEL, 0, key) for key, label in enumerate(DRUMS, FIRST_DRUM)]
    with tempfile.TemporaryDirectory() as folder:
        for name, label, channel, program, lowest in (*instruments, *drums):
            for number, phrase in enumerate(PHRASES):
                stem = f"gm-{name}-{number}"
                notes = [(onset, length, lowest if channel == _DRUM_CHANNEL else lowest + step) for onset, length, step in phrase]
                yield PublishedClip(
                    path=render(font, midi_file(notes, channel, program), Path(folder) / f"{stem}.wav"),
                    filename=f"audio/{stem}.flac",
                    label=label,
                    source=f"gm/{name}",
                    licence="MIT",
                    author="S. Christian Collins, Frank Wen, Michael Cowgill and others (MuseScore_General)",
                    url="Debian musescore-general-soundfont-small",
                    extra="rendered",
                    rate=RATE,
                    seconds=SECONDS,
                    trimmed=True,
                    peak_dbfs=PEAK_DBFS,
                )


def render(font: Path, midi: bytes, wav: Path) -> Path:
    """Render MIDI with a sound font to a wav file at 44.1 kHz, whose path is returned. InputError where fluidsynth fails."""
    notes = wav.with_suffix(".mid")
    notes.write_bytes(midi)
    command = ["fluidsynth", "-ni", "-R", "0", "-C", "0", "-r", "44100", "-F", str(wav), str(font), str(notes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode or not wav.is_file():
        raise InputError(f"{font}: fluidsynth cannot render it: {' '.join(done.stderr.split())[-200:]}")
    return wav


def midi_file(notes: Iterable[tuple[float, float, int]], channel: int, program: int) -> bytes:
    """A Standard MIDI File (format 0) of notes: onset and length in seconds, and key. program: General MIDI's, from 0."""
    events = [(0.0, bytes([0xC0 | channel, program]))]
    for onset, length, key in notes:
        events += [(onset, bytes([0x90 | channel, key, 100])), (onset + length, bytes([0x80 | channel, key, 0]))]
    track, last = b"", 0
    for seconds, message in sorted(events, key=lambda event: event[0]):
        ticks = round(seconds * 2 * _TICKS)
        track += bytes([0x80 | (ticks - last) >> 7, (ticks - last) & 0x7F]) + message
        last = ticks
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track
