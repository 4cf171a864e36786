"""Tests against real servers, PostgreSQL and Redis, which `make test-services` runs and `make test` does not.

The servers are started on free ports in temporary folders, and stopped at the end. Where they are not installed, a skip
says what to install.
"""
