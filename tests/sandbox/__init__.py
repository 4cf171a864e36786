"""Tests of the sandbox, from outside and from inside."""
