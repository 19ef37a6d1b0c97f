"""HTTP service with a JSON API and a web page, for a listener and an archive."""
