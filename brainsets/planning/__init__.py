"""What runs in Snakemake's own process: settings, what is pending, what to run.

Light, because every cluster job parses the Snakefile too; it never imports a pipeline.
"""
