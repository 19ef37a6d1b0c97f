"""Losses in torch."""
