"""Where the workflow is, and its command.

Another package may be installed as ``brainsets``, the published one above all; nothing
else has this name.
"""

import sys
from pathlib import Path

__all__ = ["ROOT", "SNAKEFILE", "main"]

_HERE = Path(__file__).resolve().parent

# A wheel has everything in this folder, a clone beside it.
ROOT = _HERE if (_HERE / "Snakefile").is_file() else _HERE.parent
"""The folder with the Snakefile, the rules, and the package ``brainsets``."""

SNAKEFILE = str(ROOT / "Snakefile")
"""The Snakefile, to be included by one of your own."""


def main() -> int:
    """Run ``brainsets``; return its exit status."""
    sys.path.insert(0, str(ROOT))
    from brainsets.commands.main import main as run

    return run()
