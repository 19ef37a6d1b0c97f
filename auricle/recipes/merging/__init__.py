"""Merging of model folders (`auricle merge`): reading, statistics on recordings, the methods by their settings, and the result's folder."""
