"""Datasets laid out as BIDS: which recordings they have, and what each one holds."""
