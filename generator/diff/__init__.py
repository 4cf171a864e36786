"""Compare two versions of the document: `python -m generator diff OLD NEW [--json]`.

Both documents are compared twice. As documents, in normal form, so that factoring, order and prose have no say; and as
Python APIs: each is generated into a scratch folder and read with griffe, nothing of it imported. The listings are then
brought together, so that neither a change without effect nor an effect without a visible change is missed.

What each kind of change means, for the wire and for source, is the table in `rules`; the report ends with the rows that
it used. Called by the command line and by `update`. It never writes to the tree.

    side                                          a document, its normal form, its generated API
    operations, schemas, left_out                 compare documents (with types, pointers, renames)
    python_api, reconcile                         read the APIs; bring both listings together
    change, render, changelog                     a change and a report; as Markdown, JSON, entries of the changelog
"""

from generator.diff.changelog import insert
from generator.diff.compare import compare, main
from generator.diff.render import changelog, markdown
from generator.diff.side import read_side

__all__ = ["changelog", "compare", "insert", "main", "markdown", "read_side"]
