"""For authors of pipelines: a test class that tries theirs in the real workflow.

This is the only part of the package that needs pytest.
"""

from brainsets.testing.contract import PipelineContract

__all__ = ["PipelineContract"]
