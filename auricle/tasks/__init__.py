"""Questions: one file each; records in, target arrays out, and scores in, records out (numpy)."""
