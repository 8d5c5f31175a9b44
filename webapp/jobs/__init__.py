"""Background work: what is done, and the process that does it."""
