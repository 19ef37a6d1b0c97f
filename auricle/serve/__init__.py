"""Serving: a listener and an archive in; answers over HTTP, and the page that asks for them, out."""
