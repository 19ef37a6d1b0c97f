"""Training recipes: a config in, a model folder and its metrics out (`auricle train NAME`); one readable file per system."""
