"""The normal form of a document: every fact stated in one way, corrected, with everything named.

Called by `parse`, `build`, `diff` and the command line. It knows nothing of Python source or of the parser.
"""

from generator.normal.canonical import Node
from generator.normal.corrections import FILE, Corrections
from generator.normal.normalise import REF, Answer, Normalised, Operation, normalise
from generator.normal.units import unit_of

__all__ = ["FILE", "REF", "Answer", "Corrections", "Node", "Normalised", "Operation", "normalise", "unit_of"]
