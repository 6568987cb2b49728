"""What a pipeline is and where it comes from, its environment included.

Planning code: it reads pipelines as text and never imports one.
"""
