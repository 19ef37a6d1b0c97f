"""Reproducible experiments, one file each: purpose, command, expected results, hardware, run time and seed."""
