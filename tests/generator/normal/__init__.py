"""The normal form: the same whichever way a document states its facts."""
