"""Runtimes: arrays in, arrays out, for a model folder, on ONNX Runtime, OpenVINO or torch; text embedding in numpy."""
