"""The console, without a browser: what its pages hold, its forms do and its stream sends, and who is let in."""
