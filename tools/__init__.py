"""Tools for those who work on Stowage; nothing here is needed to run it."""
