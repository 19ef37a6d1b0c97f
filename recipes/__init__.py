"""One readable file per experiment or published system: what it does, its command, what to expect, hardware, minutes, seed."""
