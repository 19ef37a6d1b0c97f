"""Runtimes: a model folder in, arrays in and arrays out, on ONNX Runtime or torch; and words to vectors, in numpy."""
