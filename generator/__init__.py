"""Generates `ev_energy_async/models`, `ev_energy_async/api` and the sandbox's table of operations from the document.

    load -> correct -> normalise -> parse -> build -> emit

The package and the generator never import each other. See README.md beside this file.
"""
