"""auricle-tiny, the shipped model: its words, its training, the studies of it and what it was trained on."""

#: Corpora that the shipped model and its text tower learn from and are tested on. Others under the data root are left out.
CORPORA = (
    "esc50",
    "sonicpi",
    "kenney",
    "opensfx",
    "ambience",
    "librosa_examples",
    "speech_text",
    "wakewords",
    "fsdd",
    "minetest",
    "donateacry",
)
