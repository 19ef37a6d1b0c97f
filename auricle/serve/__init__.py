"""HTTP service: a listener and an archive in; a JSON API and a web page out."""
