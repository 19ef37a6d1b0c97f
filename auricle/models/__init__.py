"""Models: features in, embedding and outputs out: encoders, heads, the static text tower, and how a folder becomes one (torch)."""
