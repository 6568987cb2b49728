"""Whether what was prepared can be trained on."""
