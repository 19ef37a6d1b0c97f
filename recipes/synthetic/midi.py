"""Notes, and a writer of Standard MIDI Files (format 0; Standard MIDI Files 1.0, MIDI Manufacturers Association, 1996)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Channel of percussion in General MIDI, counted from 0.
PERCUSSION = 9
_TICKS = 480  # per beat


@dataclass(frozen=True)
class Note:
    """onset, length: in beats. pitch: MIDI note number, 60 is middle C. velocity: 1 to 127. channel: 0 to 15."""

    onset: float
    length: float
    pitch: int
    velocity: int
    channel: int = 0


def midi_file(notes: Sequence[Note], programs: Mapping[int, int], tempo: float) -> bytes:
    """A MIDI file. programs: General MIDI program (from 0) of each channel; of channel 9, the drum kit. tempo: beats a minute."""
    events = [(0, 0, b"\xff\x51\x03" + struct.pack(">I", round(60e6 / tempo))[1:])]
    events += [(0, 1, bytes([0xC0 | channel, program])) for channel, program in programs.items()]
    for note in notes:
        start = round(note.onset * _TICKS)
        events.append((start, 3, bytes([0x90 | note.channel, note.pitch, note.velocity])))
        # Releases come before the attacks of the same time, so that a repeated note is struck again.
        events.append((start + max(1, round(note.length * _TICKS)), 2, bytes([0x80 | note.channel, note.pitch, 0])))
    track, last = b"", 0
    for time, _, message in sorted(events):
        track += _variable_length(time - last) + message
        last = time
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track


def _variable_length(number: int) -> bytes:
    """Seven bits a byte, the highest first; all bytes but the last have their top bit set."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))
