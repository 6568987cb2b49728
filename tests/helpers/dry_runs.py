"""What a dry-run says, read back from its table."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class PlannedAsset:
    steps: str
    reason: str
    batch: str = ""


def planned_assets(printed, brainset="recorder"):
    """Return what is planned of a brainset: each asset, as it is spelled there."""
    lines = iter(printed.splitlines())
    if not any(line == f"{brainset}:" for line in lines):
        return {}
    head = next(lines)
    starts = [found.start() for found in re.finditer(r"\S+", head)]
    columns = [slice(*ends) for ends in zip(starts, [*starts[1:], None])]
    found = {}
    for line in lines:
        if not line.startswith("  "):
            break
        cells = dict(zip(head.split(), (line[column].strip() for column in columns)))
        asset = cells.pop("asset")
        assert asset not in found
        found[asset] = PlannedAsset(cells.pop("step"), **cells)
    return found
