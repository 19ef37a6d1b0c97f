"""auricle-tiny, the shipped model: its words, its training, the studies of it and what it was trained on."""
