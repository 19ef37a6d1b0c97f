"""Models (torch): features in, embeddings and logits out; encoders, text towers, conversion of published weights, ONNX export."""
