"""Commands that start Snakemake for one brainset, as it is typed."""

__all__: list[str] = []
