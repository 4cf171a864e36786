"""What the sandbox promises, seen from outside and from inside."""
