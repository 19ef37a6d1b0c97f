"""Inference: files or arrays in, records out. The Listener, zero-shot classification, fitted heads, and the pipeline of all of them."""
