"""How far assets and brainsets are, by the sentinels that steps leave."""
