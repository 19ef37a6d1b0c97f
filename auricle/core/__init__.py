"""Shared basics: nothing in; records, errors, configs, file writing and the check for optional packages out."""
