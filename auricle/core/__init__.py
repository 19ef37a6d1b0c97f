"""Shared basics: records, errors, configs, file writing, argument checks, and the check for optional packages."""
