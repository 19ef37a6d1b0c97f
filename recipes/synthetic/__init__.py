"""Synthetic training sounds: music, speech, alarms, engines, impacts, tones and noise, made by rule or rendered by external programs."""
