"""Conversion: a published checkpoint in, a model folder out, with a report of every tensor. No pickle is executed."""
