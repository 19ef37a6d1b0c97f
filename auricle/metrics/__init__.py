"""(Reference, estimate) records or arrays in, numbers out, per item and pooled; numpy only, one file per question."""
