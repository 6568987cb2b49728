"""Run a function in a child process, and know how it ended.

Standard library only, from Python 3.10 on: it runs inside any pipeline's environment.
"""
