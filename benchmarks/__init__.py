"""Measures this workflow beside the published Ray runner: see README.md."""
