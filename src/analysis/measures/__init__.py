"""Ratios, amounts and formation of a classified book, by any combination of dimensions."""
