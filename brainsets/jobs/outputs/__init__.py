"""The output of a step: checked, published, and claimed for its asset."""
