"""What a result depends on, and how it is known to be the same."""
