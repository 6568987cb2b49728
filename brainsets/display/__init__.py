"""What a run shows while it is going on, and what a dry-run shows.

Planning code: it reads Snakemake's log records and the sentinels, and runs nothing.
Rich is imported only when something is drawn on a terminal.
"""
