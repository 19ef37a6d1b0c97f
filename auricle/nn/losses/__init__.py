"""Losses, named by the shape of the output that they read."""
