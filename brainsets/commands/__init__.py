"""The command line beside Snakemake's: ``python -m brainsets``."""
