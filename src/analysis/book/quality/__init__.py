"""Can this book be trusted? Typed findings; an error refuses a report, a warning shows on it."""

from analysis.book.quality.checks import findings, rules_checked
from analysis.book.quality.words import Finding, Severity, finding_rows

__all__ = ["Finding", "Severity", "finding_rows", "findings", "rules_checked"]
