"""Documents as they were written: what is read, and what is refused."""
