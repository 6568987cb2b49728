"""The tables of BIDS: what people write into them, and what that means."""
