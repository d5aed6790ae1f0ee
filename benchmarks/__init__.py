"""Time and memory of import and measures beside hand-written peers, measured in one run."""
