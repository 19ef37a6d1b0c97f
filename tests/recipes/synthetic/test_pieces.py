from __future__ import annotations

import numpy as np
import pytest

from recipes.synthetic import pieces
from recipes.synthetic.midi import PERCUSSION
from recipes.synthetic.recognition import fitting_names

COMPOSERS = (pieces.band, pieces.solo, pieces.drums, pieces.orchestra, pieces.melody)


@pytest.mark.parametrize("compose", COMPOSERS, ids=lambda one: str(one.__name__))
def test_pieces_have_notes_of_midi_that_last_as_long_as_asked(compose: object) -> None:
    for seed in range(40):
        piece = compose(np.random.default_rng(seed), 8.0)  # type: ignore[operator]
        assert piece.notes and 30 < piece.tempo < 250
        for note in piece.notes:
            assert 0 <= note.pitch <= 127 and 1 <= note.velocity <= 127 and note.length > 0 and note.onset >= 0
        assert {note.channel for note in piece.notes} <= {*piece.programs}
        assert piece.labels[0] == "music" and set(piece.labels) <= set(fitting_names())
        if compose is not pieces.melody:
            assert max(note.onset + note.length for note in piece.notes) * 60 / piece.tempo > 6.0


def test_labels_are_of_what_plays() -> None:
    kits = {piece.programs[PERCUSSION]: piece.labels for piece in (pieces.drums(np.random.default_rng(s), 4.0) for s in range(60))}
    for kit, labels in kits.items():
        assert labels in (("music", "percussion"), ("music", "drum machine" if kit in pieces.MACHINES else "drum kit"))
    assert pieces.labels_of([40, 110, 0]) == ("music", "violin", "piano") and pieces.labels_of([38]) == ("music", "synthesizer")


def test_phrases_stay_in_the_range_of_their_instrument() -> None:
    for seed in range(60):
        piece = pieces.solo(np.random.default_rng(seed), 6.0)
        low, high = pieces.instrument(piece.programs[0])["range"]
        assert low - 12 <= min(note.pitch for note in piece.notes) <= max(note.pitch for note in piece.notes) <= high + 12


def test_every_style_names_what_there_is() -> None:
    for name, style in pieces.table("styles")["styles"].items():
        assert style["comping"] in pieces.COMPING and style["bassline"] in pieces.BASSLINES, name
        assert all(len(steps) == 4 * style["beats"] for steps in style["drums"].values()), name


def test_melodies_are_whole_bars_of_known_notes_and_out_of_copyright() -> None:
    for melody in pieces.table("melodies")["melodies"]:
        notes = pieces.parse_melody(melody["notes"])
        assert len(notes) >= 14 and all(36 <= note.pitch <= 96 for note in notes), melody["name"]
        assert melody["composer"] == "traditional" or int(melody["composer"][-5:-1]) < 1920
    ode = pieces.parse_melody("E4:1 F#4:0.5 R:1 A3:2")
    assert [(note.onset, note.length, note.pitch) for note in ode] == [(0.0, 1.0, 64), (1.0, 0.5, 66), (2.5, 2.0, 57)]
