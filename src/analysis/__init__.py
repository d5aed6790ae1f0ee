"""Portfolio analytics, workout cases and periodic reports for non-performing loans."""
