"""Checks of a release: its Python API against the one before, and its wheel in an empty environment."""
