"""The command line `ev-energy`."""
