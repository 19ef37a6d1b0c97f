"""A generator of pieces of music: chords, bass, melody and drums in the styles of styles.json, phrases of one instrument, drum patterns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from recipes.synthetic.midi import PERCUSSION, Note
from recipes.synthetic.waveforms import choose

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "dorian": (0, 2, 3, 5, 7, 9, 10)}
#: Kits of FluidR3 GM that imitate drum machines; the others are recordings of drum kits.
MACHINES = (24, 25)
CHORDS, BASS, MELODY = 0, 1, 2  # channels


@dataclass(frozen=True)
class Piece:
    """Notes with the program of each channel, the tempo in beats a minute, and the labels of what plays."""

    notes: list[Note]
    programs: dict[int, int]
    tempo: float
    labels: tuple[str, ...]
    settings: dict[str, str | int | float]


@cache
def table(name: str) -> dict[str, Any]:
    """A table beside this module: styles, instruments or melodies."""
    content: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    return content


def instrument(program: int) -> dict[str, Any]:
    """Labels, range and idiom of a program; of a synthesizer bass, which plays no phrases, the labels alone."""
    known: dict[str, Any] = table("instruments")["programs"].get(str(program), {"labels": ["synthesizer"]})
    return known


def labels_of(programs: Sequence[int], kit: int | None = None) -> tuple[str, ...]:
    """`music`, and the labels of all instruments, each once."""
    names = [label for program in programs for label in instrument(program)["labels"]]
    if kit is not None:
        names.append("drum machine" if kit in MACHINES else "drum kit")
    return tuple(dict.fromkeys(["music", *names]))


class Key:
    """A key: tonic as a MIDI note number from 0 to 11, and a scale."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.tonic, self.mode = int(rng.integers(12)), choose(rng, ("major", "major", "minor", "dorian"))
        self.scale = SCALES[self.mode]

    def pitch(self, degree: int, octave: int = 5) -> int:
        """MIDI note number of a degree of the scale, from 0; octave 5 starts at middle C."""
        return 12 * (octave + degree // 7) + self.tonic + self.scale[degree % 7]

    def chord(self, degree: int, *, seventh: bool = False) -> list[int]:
        """A triad or a seventh chord on a degree, around middle C."""
        notes = [self.pitch(degree + step, 4) for step in ((0, 2, 4, 6) if seventh else (0, 2, 4))]
        return [note - 12 if note > 67 else note for note in notes]


#: Comping: onset and length in beats of the chords in a bar, and which notes of it: None for all, else an index.
COMPING: dict[str, list[tuple[float, float, int | None]]] = {
    "whole": [(0, 4, None)],
    "strum": [(0, 0.9, None), (1, 0.4, None), (1.5, 0.4, None), (2.5, 0.4, None), (3, 0.9, None)],
    "eighths": [(k / 2, 0.45, None) for k in range(8)],
    "sixteenths": [(k / 4, 0.15, None) for k in (0, 3, 6, 8, 11, 14)],
    "offbeat": [(k + 0.5, 0.3, None) for k in range(4)],
    "skank": [(1, 0.2, None), (3, 0.2, None)],
    "bossa": [(0, 0.9, None), (1.5, 0.4, None), (2, 0.9, None), (3.5, 0.9, None)],
    "boom-chick": [
        (0, 0.4, 0),
        (0.5, 0.4, None),
        (1, 0.4, 1),
        (1.5, 0.4, None),
        (2, 0.4, 0),
        (2.5, 0.4, None),
        (3, 0.4, 2),
        (3.5, 0.4, None),
    ],
    "arpeggio": [(k / 2, 0.9, (0, 1, 2, 1, 0, 2, 1, 2)[k]) for k in range(8)],
    "waltz": [(1, 0.6, None), (2, 0.6, None)],
}

#: Basslines: onset and length in beats, and the degree above the root of the chord.
BASSLINES: dict[str, list[tuple[float, float, int]]] = {
    "whole": [(0, 2.8, 0)],
    "eighths": [(k / 2, 0.45, 0) for k in range(8)],
    "walking": [(0, 0.9, 0), (1, 0.9, 2), (2, 0.9, 4), (3, 0.9, 5)],
    "fifths": [(0, 0.9, 0), (2, 0.9, 4)],
    "syncopated": [(0, 0.6, 0), (0.75, 0.2, 0), (1.5, 0.4, 4), (2.5, 0.4, 0), (3.25, 0.4, 6)],
    "offbeat": [(k + 0.5, 0.4, 0) for k in range(4)],
}


def band(rng: np.random.Generator, seconds: float) -> Piece:
    """A band in one of the styles: chords, bass, melody and drums; now and then without one of them."""
    name = choose(rng, tuple(table("styles")["styles"]))
    style, key, tempo = table("styles")["styles"][name], Key(rng), 0.0
    tempo = float(rng.uniform(*style["tempo"]))
    beats, programs = style["beats"], {part: int(rng.choice(style[word])) for part, word in enumerate(("chords", "bass", "melody"))}
    progression = table("styles")["progressions"][int(rng.integers(len(table("styles")["progressions"])))]
    bars = int(seconds * tempo / 60 / beats) + 2
    parts: list[Callable[[int, int], list[Note]]] = [
        lambda bar, root: _comping(rng, key.chord(root, seventh=name in ("jazz", "bossa nova", "funk")), style, bar),
        lambda bar, root: _bassline(rng, key, root, style, bar),
        _melody(rng, key, programs[MELODY], beats),
    ]
    silent = int(rng.integers(3)) if rng.random() < 0.25 else -1
    kit = int(rng.choice(style["kits"])) if style["drums"] else None
    notes = [
        note
        for bar in range(bars)
        for part, play in enumerate(parts)
        if part != silent
        for note in play(bar, progression[bar % len(progression)])
    ]
    if kit is not None:
        notes += drum_bars(rng, style["drums"], bars, beats)
        programs[PERCUSSION] = kit
    sounding = [program for part, program in programs.items() if part not in (silent, PERCUSSION)]
    settings: dict[str, str | int | float] = {"style": name, "tempo": round(tempo), "key": f"{key.tonic} {key.mode}"}
    return Piece(swung(rng, notes, style["swing"]), programs, tempo, labels_of(sounding, kit), settings)


def _comping(rng: np.random.Generator, chord: list[int], style: Mapping[str, Any], bar: int) -> list[Note]:
    beats, notes = style["beats"], []
    for onset, length, index in COMPING[style["comping"]]:
        if onset < beats:
            pitches = chord if index is None else [chord[index % len(chord)]]
            loud = int(rng.integers(62, 88))
            # The notes of a strummed chord come a little apart.
            notes += [Note(bar * beats + onset + 0.02 * k, min(length, beats - onset), p, loud, CHORDS) for k, p in enumerate(pitches)]
    return notes


def _bassline(rng: np.random.Generator, key: Key, root: int, style: Mapping[str, Any], bar: int) -> list[Note]:
    beats = style["beats"]
    line = BASSLINES[style["bassline"]]
    return [
        Note(bar * beats + onset, length, key.pitch(root + above, 3 if key.tonic < 5 else 2), int(rng.integers(80, 105)), BASS)
        for onset, length, above in line
        if onset < beats
    ]


def _melody(rng: np.random.Generator, key: Key, program: int, beats: int) -> Callable[[int, int], list[Note]]:
    """A melody of two rhythmic motifs in turn; it moves by steps and rests on notes of the chord."""
    motifs = [_rhythm(rng, beats) for _ in range(2)]
    octave = max(3, min(6, round(sum(instrument(program).get("range", (60, 84))) / 24)))
    state = {"degree": int(rng.integers(0, 7))}

    def play(bar: int, root: int) -> list[Note]:
        notes = []
        for onset, length in motifs[(bar // 2 + bar % 2 * (bar // 4)) % 2]:
            step = int(rng.choice([-2, -1, -1, 0, 1, 1, 2]))
            degree = int(np.clip(state["degree"] + step, -3, 9))
            if onset == int(onset) and rng.random() < 0.6:
                degree = min((root + above + 7 * turn for above in (0, 2, 4) for turn in (-1, 0, 1)), key=lambda one: abs(one - degree))
            state["degree"] = degree
            if rng.random() < 0.88:
                notes.append(Note(bar * beats + onset, 0.92 * length, key.pitch(degree, octave), int(rng.integers(78, 112)), MELODY))
        return notes

    return play


def _rhythm(rng: np.random.Generator, beats: int) -> list[tuple[float, float]]:
    """Onsets and lengths that fill a bar."""
    onset, motif = 0.0, []
    while onset < beats:
        length = min(float(rng.choice([0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0])), beats - onset)
        motif.append((onset, length))
        onset += length
    return motif


def drum_bars(rng: np.random.Generator, pattern: Mapping[str, str], bars: int, beats: int) -> list[Note]:
    """A drum pattern bar by bar, with ghost notes and a fill at the end of every fourth bar."""
    notes = []
    for bar in range(bars):
        for key, steps in pattern.items():
            for step, mark in enumerate(steps):
                if mark != "." or rng.random() < 0.015:
                    loud = int(rng.integers(90, 120)) if mark == "x" else int(rng.integers(40, 70))
                    notes.append(Note(bar * beats + step / 4, 0.2, int(key), loud, PERCUSSION))
        if bar % 4 == 3 and beats == 4 and rng.random() < 0.6:
            toms = [int(rng.choice([38, 45, 47, 50, 43])) for _ in range(4)]
            notes += [Note(bar * beats + 3 + k / 4, 0.2, tom, int(rng.integers(85, 115)), PERCUSSION) for k, tom in enumerate(toms)]
    return notes


def swung(rng: np.random.Generator, notes: list[Note], swing: float) -> list[Note]:
    """Delay the second half of each beat by a part of it, and play all notes a few milliseconds early or late."""
    played = []
    for note in notes:
        late = swing * 0.5 if note.onset % 1.0 == 0.5 else 0.0
        onset = max(0.0, note.onset + late + float(rng.normal(0, 0.008)))
        played.append(Note(onset, note.length, note.pitch, note.velocity, note.channel))
    return played


def solo(rng: np.random.Generator, seconds: float) -> Piece:
    """Phrases of one instrument; chords and arpeggios where they are idiomatic."""
    program = int(choose(rng, tuple(table("instruments")["programs"])))
    known, key = instrument(program), Key(rng)
    tempo = float(rng.uniform(60, 150))
    bars = int(seconds * tempo / 240) + 2
    low, high = known["range"]
    span = min(high - low, 24)
    middle = int(rng.integers(low + span // 2, high - span // 2 + 1))
    chordal = known["chords"] and rng.random() < 0.6
    progression = table("styles")["progressions"][int(rng.integers(len(table("styles")["progressions"])))]
    play = _melody(rng, key, program, 4)
    notes: list[Note] = []
    for bar in range(bars):
        root = progression[bar % 4]
        notes += play(bar, root)
        if chordal:
            style = {"beats": 4, "comping": choose(rng, ("whole", "arpeggio", "strum", "offbeat"))}
            notes += _comping(rng, key.chord(root), style, bar)
    notes = [Note(n.onset, n.length, _into(n.pitch, middle - span // 2, middle + span // 2), n.velocity, 0) for n in notes]
    settings: dict[str, str | int | float] = {"program": program, "tempo": round(tempo), "chords": int(chordal)}
    return Piece(swung(rng, notes, 0.0), {0: program}, tempo, labels_of([program]), settings)


def _into(pitch: int, low: int, high: int) -> int:
    """Move a pitch by octaves into a range of at least an octave."""
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return max(0, pitch)


#: Hand percussion: patterns by General MIDI key (bongos, congas, tambourine, cowbell, maracas, claves).
HANDS = {
    "congas": {"62": "x.....x.x.....x.", "63": "..x.o.....x.o...", "64": "......xx......xx"},
    "bongos": {"60": "x.xox.xox.xox.xo", "61": "....x.......x..."},
    "samba": {"54": "x.oxx.oxx.oxx.ox", "70": "xxxxxxxxxxxxxxxx", "75": "x..x..x...x.x..."},
    "cowbell": {"56": "x.x.xx.x.x.xx.x.", "62": "..x...x...x...xx", "70": "x.x.x.x.x.x.x.x."},
}


def drums(rng: np.random.Generator, seconds: float) -> Piece:
    """A drum kit, a drum machine, or hand percussion alone: the pattern of a style, or one of chance."""
    form = choose(rng, ("kit", "machine", "machine", "hands"))
    tempo = float(rng.uniform(75, 150))
    bars = int(seconds * tempo / 240) + 2
    if form == "hands":
        name = choose(rng, tuple(HANDS))
        notes = drum_bars(rng, HANDS[name], bars, 4)
        return Piece(swung(rng, notes, 0.0), {PERCUSSION: 0}, tempo, ("music", "percussion"), {"form": name, "tempo": round(tempo)})
    kit = int(rng.choice(MACHINES if form == "machine" else (0, 8, 16, 32, 40)))
    style = choose(rng, tuple(name for name, one in table("styles")["styles"].items() if one["drums"] and one["beats"] == 4))
    pattern = table("styles")["styles"][style]["drums"] if rng.random() < 0.5 else _chance_pattern(rng)
    notes = swung(rng, drum_bars(rng, pattern, bars, 4), float(rng.choice([0.0, 0.0, 0.2, 0.33])))
    return Piece(notes, {PERCUSSION: kit}, tempo, labels_of([], kit), {"form": form, "kit": kit, "tempo": round(tempo)})


def _chance_pattern(rng: np.random.Generator) -> dict[str, str]:
    """A pattern in which every drum has its own probabilities of strong and weak steps."""
    chances = {"36": (0.5, 0.12), "38": (0.2, 0.08), "42": (0.7, 0.4), "46": (0.1, 0.08), "39": (0.1, 0.03), "45": (0.05, 0.05)}
    pattern = {key: ["x" if rng.random() < (strong if step % 4 == 0 else weak) else "." for step in range(16)]
               for key, (strong, weak) in chances.items()}  # fmt: skip
    pattern["38"][4] = pattern["38"][12] = "x"
    return {key: "".join(steps) for key, steps in pattern.items()}


def orchestra(rng: np.random.Generator, seconds: float) -> Piece:
    """Slow chords of strings, with a melody of winds, brass or violins, basses, and sometimes timpani."""
    key, tempo = Key(rng), float(rng.uniform(50, 100))
    bars = int(seconds * tempo / 240) + 2
    melody = int(rng.choice([40, 56, 60, 68, 71, 73, 61]))
    programs = {CHORDS: 48, BASS: 43, MELODY: melody}
    progression = table("styles")["progressions"][int(rng.integers(len(table("styles")["progressions"])))]
    timpani, play = rng.random() < 0.4, _melody(rng, key, melody, 4)
    notes: list[Note] = []
    for bar in range(bars):
        root = progression[bar % 4]
        chord = key.chord(root)
        notes += [Note(bar * 4, 4.1, pitch + shift, int(rng.integers(60, 95)), CHORDS) for pitch in chord for shift in (0, 12)]
        notes.append(Note(bar * 4, 4, key.pitch(root, 3), 85, BASS))
        notes += play(bar, root)
        if timpani:
            beats = (0.0, 2.0, 3.5) if rng.random() < 0.5 else tuple(k / 4 for k in range(8))
            notes += [Note(bar * 4 + beat, 0.3, key.pitch(0, 3), int(rng.integers(70, 110)), 3) for beat in beats]
    sounding = [48, 43, melody]
    if timpani:
        programs[3] = 47
        sounding.append(47)
    labels = tuple(dict.fromkeys(["music", "orchestra", *labels_of(sounding)[1:]]))
    return Piece(swung(rng, notes, 0.0), programs, tempo, labels, {"melody": melody, "tempo": round(tempo)})


_NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def parse_melody(text: str) -> list[Note]:
    """Notes of a melody as melodies.json writes them: name, sharp, octave, colon, beats; R is a rest."""
    notes, onset = [], 0.0
    for word in text.split():
        name, _, beats = word.partition(":")
        if name != "R":
            pitch = 12 * (int(name[-1]) + 1) + _NAMES[name[0]] + name.count("#")
            notes.append(Note(onset, float(beats), pitch, 90, MELODY))
        onset += float(beats)
    return notes


#: Instruments that play melodies alone.
SINGERS = (0, 0, 4, 6, 9, 10, 11, 13, 19, 21, 22, 24, 25, 40, 42, 46, 56, 60, 64, 65, 68, 71, 73, 74, 75, 80, 105, 109)


def melody(rng: np.random.Generator, seconds: float) -> Piece:
    """A melody out of copyright, on one instrument, from its start or from a later note, sometimes with an octave below."""
    chosen = table("melodies")["melodies"][int(rng.integers(len(table("melodies")["melodies"])))]
    program = int(rng.choice(SINGERS))
    tempo = chosen["tempo"] * float(rng.uniform(0.8, 1.2))
    known = instrument(program)
    low, high = known.get("range", (60, 84))
    notes = parse_melody(chosen["notes"])
    first = notes[int(rng.integers(0, max(1, len(notes) // 3)))].onset
    shift = int(rng.integers(-5, 7)) + 12 * round(((low + high) / 2 - np.mean([note.pitch for note in notes])) / 12)
    doubled = known.get("chords", False) and rng.random() < 0.4
    played = []
    for note in notes:
        for octave in (0, -12) if doubled else (0,):
            if note.onset >= first:
                pitch = int(np.clip(note.pitch + shift + octave, 12, 115))
                played.append(Note(note.onset - first, 0.95 * note.length, pitch, int(rng.integers(75, 110)), MELODY))
    settings: dict[str, str | int | float] = {"melody": chosen["name"], "composer": chosen["composer"], "program": program}
    return Piece(swung(rng, played, 0.0), {MELODY: program}, tempo, labels_of([program]), settings)
