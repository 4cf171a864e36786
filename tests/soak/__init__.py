"""A soak test of the watch: consumers are killed, paused and cancelled while the API fails.

`python -m tests.soak` (`make soak`) runs it for as long as requested and prints a table; `tests/test_soak.py` runs a
short version. The delivered events are compared with the logs that the sandbox had.
"""
