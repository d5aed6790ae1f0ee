"""Identifiers that can be told apart and traced by who holds the tape, and name no one."""

import hashlib

_SHOWN = 6


def masked(identifier: str) -> str:
    """A short digest of an identifier; the same identifier always gives the same one."""
    return "…" + hashlib.sha256(identifier.encode()).hexdigest()[:_SHOWN]
