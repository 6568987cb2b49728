"""Ids, cells, secrets and terminal text: how things are written and read as text."""
