"""Presentation. In: records, hits, comparisons. Out: console text, HTML pages, tables for other programs, progress bars."""
