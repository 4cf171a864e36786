"""What a release is checked with: its Python API against the one before, and its wheel in an empty environment."""
