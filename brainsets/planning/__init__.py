"""What runs in Snakemake's own process: settings, sources of pipelines, what to do.

Light, because every cluster job parses the Snakefile too; it never imports a pipeline.
"""
