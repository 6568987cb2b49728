"""Stand-ins of archives, and the comparison of what two runners made from them."""
