"""The demonstration book: a synthetic bank, generated from a truth that is kept beside it."""
