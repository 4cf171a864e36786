"""A watch over a fleet under fire: consumers that are killed, paused and cancelled, and an API that fails.

`python -m tests.soak` (`make soak`) runs it for as long as is wanted and prints a table; `tests/test_soak.py` runs a
little of it with the suite. What was delivered is compared with what the sandbox knows there was.
"""
