"""Training: labelled features in, a checkpoint out: composed batches, loss, optimiser, schedule, averaging, resume (torch)."""
