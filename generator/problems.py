"""What makes a generation fail: one message that says what is wrong and where."""

from __future__ import annotations


class BadDocument(Exception):
    """The document cannot be generated from; nothing has been written."""


class NotCarriedOver(Exception):
    """The generator would lose or confuse something of the document; nothing has been written."""
