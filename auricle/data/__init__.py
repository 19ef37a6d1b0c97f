"""Corpora and manifests in, clips with labels or captions, their waves, and composed scenes out; licences, lineage, plain words."""
