"""Marks of tests that not every system can run."""

from __future__ import annotations

import os

import pytest

__all__ = ["posix"]

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals and permissions")
