"""The words everything else speaks: in nothing, out records, errors, strict configs and the gate for optional packages."""
