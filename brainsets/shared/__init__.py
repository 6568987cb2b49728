"""What planning and job code both need: names, formats and places of files.

Standard library only (pandas is imported where a cell holds one of its types), so
that it runs inside any pipeline's environment from Python 3.10 on.
"""
