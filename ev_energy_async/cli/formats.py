"""The formats of stdout, in a module of their own: help names them, and imports nothing that writes them."""

from __future__ import annotations

from typing import Final

__all__ = ["FORMATS"]

FORMATS: Final = ("table", "json", "jsonl", "csv", "parquet")
