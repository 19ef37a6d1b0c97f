"""Benchmarks: models and suites of labelled clips in; scores with confidence intervals, leak checks and result records out."""
