"""The tests, by concern."""
