"""Runs the demo: `python -m ev_energy_async.demo`."""

from ev_energy_async.demo import main

main()
