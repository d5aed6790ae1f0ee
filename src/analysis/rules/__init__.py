"""Dated, sourced numbers of law and of the house, and their loader."""
