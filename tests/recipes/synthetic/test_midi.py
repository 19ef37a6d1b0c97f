from __future__ import annotations

from recipes.synthetic.midi import Note, _variable_length, midi_file


def test_lengths_are_those_of_the_standard() -> None:
    """The examples of Standard MIDI Files 1.0, page 2."""
    for number, wanted in ((0, "00"), (0x40, "40"), (0x7F, "7f"), (0x80, "8100"), (0x2000, "c000"), (0x3FFF, "ff7f"), (0x1FFFFF, "ffff7f")):
        assert _variable_length(number).hex() == wanted


def test_a_file_of_two_notes_byte_by_byte() -> None:
    content = midi_file([Note(0.0, 1.0, 60, 100), Note(1.0, 0.5, 60, 90)], {0: 40}, 120.0)
    assert content[:14].hex() == "4d546864" + "00000006" + "0000" + "0001" + "01e0"
    track = content[14:]
    assert track[:4] == b"MTrk" and int.from_bytes(track[4:8], "big") == len(track) - 8
    assert track[8:].hex() == "".join(
        ("00ff510307a120", "00c028", "00903c64", "8360803c00", "00903c5a", "8170803c00", "00ff2f00")
    )  # the first note ends before the second starts
