"""Learned parts: tensor in, tensor out with parameters, and losses named by output shape (torch)."""
