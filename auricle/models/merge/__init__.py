"""Merging of models: weights of several models of one architecture to the weights of one (pure functions of tensors by name)."""
