"""Sound as numbers, nothing learned: in a file or a waveform, out a waveform or features (numpy)."""
