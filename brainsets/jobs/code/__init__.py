"""The code of a pipeline inside a job: imported, and what of it the step has seen."""
