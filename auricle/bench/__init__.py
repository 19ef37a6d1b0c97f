"""Measured figures in, records and their page out: what was measured, by which command, on what machine, with which weights."""
