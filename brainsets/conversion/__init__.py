"""For pipelines: recordings in formats of the archives, as files to train on.

A reader (`nwb`) turns a source file into the parts of a `Recording`, with an inventory
of what became of each of its objects; `writing` stores them as temporaldata lays them
out, block by block; `checking` looks whether a training loop will take the file.
Whoever imports from here declares numpy, h5py and temporaldata among the pipeline's
packages.
"""

__all__: list[str] = []
