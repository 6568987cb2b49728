"""The report of a run: what was prepared, what became of it, and a look at the data.

This is a third side, apart from planning and job code: it is run by its own process and
may import numpy, h5py and matplotlib, which neither of the others does.
"""
