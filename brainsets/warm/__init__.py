"""How a step starts fast: forked from a process that has imported the pipeline.

Job code, for the pipeline's environment: standard library only, from Python 3.10 on.
"""
