"""For pipelines: what archives of recordings have in common, so that authors need not
write it again.

A pipeline that imports from here declares ``requests`` among its packages. Nothing else
in this project imports from here: whatever prepares or runs a step does without.
"""

__all__: list[str] = []
