"""Commands about what was prepared: whether it is whole, and fit to train on."""
