"""The code of a pipeline inside a job: loaded, and which modules it has imported."""
