"""Training: batches of labelled features in, checkpoints and trained models out: optimisers, schedules, EMA, resuming (torch)."""
