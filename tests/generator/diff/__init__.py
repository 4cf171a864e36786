"""Comparing documents, and carrying a new one through the project."""
