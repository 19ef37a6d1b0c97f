"""Archives: recordings in, a searchable table of their windows out; words, examples and taught sounds in, ranked hits out."""
