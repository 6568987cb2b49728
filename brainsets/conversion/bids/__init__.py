"""Datasets laid out as BIDS: which recordings they have, and what each one holds.

`layout` tells the recordings by the paths of files; `reading` reads one of them.
"""
