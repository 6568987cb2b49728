"""What is in the outputs of a brainset: found, read, checked and drawn."""
