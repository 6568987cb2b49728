"""What a step of an asset does inside a job, with the interpreter of the pipeline.

Standard library and pandas only, from Python 3.10 and pandas 1.5 on; never Snakemake.
"""
