"""Benchmarks against other clients of the same document. See README.md beside this file."""
