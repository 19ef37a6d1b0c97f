"""Corpora, manifests, licences, decoded waveforms, captions, prompts and composed scenes."""
