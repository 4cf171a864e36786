"""The chapters of the tour: each calls the operations of one field, what it writes is read again."""
