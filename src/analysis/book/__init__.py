"""The book: the only place that reads or writes loan data."""
