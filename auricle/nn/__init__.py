"""Neural network layers and losses (torch): tensors in, tensors out, with learned parameters."""
