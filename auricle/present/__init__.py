"""Output formats: records, hits and comparisons in; console text, HTML pages, export files and progress bars out."""
