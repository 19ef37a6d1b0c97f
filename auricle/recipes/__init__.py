"""Trainings that anyone can run: a config in, a model folder and its figures out (`auricle train NAME`); one readable file a system."""
