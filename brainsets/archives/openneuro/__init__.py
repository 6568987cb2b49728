"""Datasets of OpenNeuro: which versions there are, and the files of the newest."""

from brainsets.archives.openneuro.bucket import StoredFile, fetch_file, stored_files
from brainsets.archives.openneuro.datasets import OpenNeuro

__all__ = ["OpenNeuro", "StoredFile", "fetch_file", "stored_files"]
