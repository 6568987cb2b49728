"""Whether what was prepared still is what it was, and what would differ today."""
