"""(f) without raw bodies beside the data, as for programs that hold many pages."""

from __future__ import annotations

from benchmarks.contenders.ours import Ours

__all__ = ["make"]


def make(base_url: str) -> Ours:
    """Make the client."""
    return Ours(base_url, keep_body=False)
