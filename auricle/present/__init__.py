"""Presentation of results: console text, HTML pages, export files and progress bars."""
