"""Data sets that are imported by name, each with its derivations stated in its own module."""
