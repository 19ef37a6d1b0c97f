"""Archives of recordings: recordings in; ranked hits for text, audio examples and taught classes out."""
