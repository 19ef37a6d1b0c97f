"""Audio encoders: features (B, T, F) in, an Embedding out, for every family."""
