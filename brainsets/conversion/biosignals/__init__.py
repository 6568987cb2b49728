"""What files of physiological signals share: units, types and groups of channels."""
