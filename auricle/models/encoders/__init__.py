"""Encoders: log-mel features (B, T, F) in, one Embedding out, whichever the family."""
