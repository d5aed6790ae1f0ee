"""From a bank's own file or database to a tape: read, map, check, account for every row."""
