"""For pipelines: what archives of recordings have in common, so that authors need not
write it again.

`downloads` fetches and checks files, `dandi` lists and fetches dandisets, `physionet`
reads what a project there lists, `edf` the header of an EDF file, and whether the file
is what that promises; `recording_ids` and `versions` say what recordings are called,
and which version of a dataset is taken. A pipeline that imports one of the first three
declares ``requests`` among its packages. Nothing else in this project imports from
here: whatever prepares or runs a step does without.
"""

__all__: list[str] = []
