"""What planning, jobs and the report all use: names, formats and paths of files.

Standard library only (pandas is imported where a cell holds one of its types), so
that it runs inside any pipeline's environment from Python 3.10 on.
"""
