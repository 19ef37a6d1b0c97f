"""Conversion: a published checkpoint in, a model folder out, with a report of every key. No pickle is executed."""
