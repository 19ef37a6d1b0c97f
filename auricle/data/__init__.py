"""Corpora in, labelled clips and composed scenes out: licences, lineage, one vocabulary of plain words, events by energy."""
