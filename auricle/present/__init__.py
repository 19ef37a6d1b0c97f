"""Presentation: records, hits and comparisons in; console text, HTML pages, tables for other programs and progress bars out."""
