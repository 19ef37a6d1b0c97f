"""Recordings in, composed sounds with exact truth out: scenes, captioned scenes, batches of features. The only place that composes."""
