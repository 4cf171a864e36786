"""Generates `ev_energy_async/models`, `ev_energy_async/api` and the sandbox's `document.json` from the document.

    load -> correct -> normalise -> parse -> build -> emit

The package and the generator never import each other. README.md beside this file describes each step.
"""
