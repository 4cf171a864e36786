"""The normal form of a document: every fact stated in one way, corrected, with everything named.

Called by `parse`, `build`, `diff` and the command line. It knows nothing of Python source or of the parser.
"""

from generator.normal.corrections import FILE, Corrections
from generator.normal.forms import BESIDE, Node
from generator.normal.hoist import Place
from generator.normal.normalise import REF, Normalised, Operation, Response, normalise
from generator.normal.personal import NOBODY, looks_personal
from generator.normal.units import states_unit, unit_of

__all__ = [
    "BESIDE", "FILE", "NOBODY", "REF", "Response", "Corrections", "Node", "Normalised", "Operation", "Place",
    "looks_personal", "normalise", "states_unit", "unit_of",
]  # fmt: skip
