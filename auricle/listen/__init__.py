"""Listening: files or arrays in, records out: windows on a pool of threads, the Listener."""
