"""The many resources that are little more than their data: what kinds there are, what they hold, how they are written.

Each kind is a row of a table and fills itself when it is first looked at, from the seed alone. No I/O, no clock.
"""
