"""Metrics: references and estimates (records or arrays) in, numbers per item and pooled out; numpy only, one module per kind of output."""
