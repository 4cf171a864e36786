"""The clockwork behind the sandbox's fleet: cars that live their days, and the logs those days leave behind.

Pure modules: no I/O, no clock, time comes in as an argument. What happens on a day follows from the seed, the device
and the state at that day's dawn alone, so days are worked out when somebody looks and forgotten afterwards.
"""
