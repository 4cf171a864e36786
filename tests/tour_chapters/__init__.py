"""The chapters of the tour: each calls the operations of one area, and reads back what it writes."""
