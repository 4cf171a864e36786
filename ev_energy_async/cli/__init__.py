"""The command line `ev-energy`. Needs the extra `[cli]` (click, rich, platformdirs).

Programs do not import it. `app` is the root of the commands; each command lives in a module of its own, which is
imported when it is run, so that `ev-energy --help` imports nothing else.
"""
