"""Composed training and test data: scenes, captioned scenes and batches of features, with exact annotations."""
