"""A poller for several machines: one leads, the others take over."""
