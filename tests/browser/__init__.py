"""Pages in a real browser: Debian's Chromium, through playwright. `make test-browser` runs these."""
