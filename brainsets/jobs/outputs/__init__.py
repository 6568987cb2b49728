"""What a step has written: checked, published, and known to belong to its asset."""
