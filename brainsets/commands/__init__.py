"""The command line beside Snakemake's: ``brainsets``."""
