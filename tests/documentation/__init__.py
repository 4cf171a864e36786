"""The documentation keeps its promises: its examples run, its links lead somewhere, its commands exist."""
