"""Brainset folders with assets whose results are published as a job does it."""

import shutil

import pandas as pd

from brainsets.jobs.listing import table
from brainsets.jobs.outputs.inspection import inspected_outputs
from brainsets.jobs.outputs.publishing import publish
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest_schema import schema_path
from brainsets.shared.state.sentinels import DONE, write_sentinel
from brainsets.shared.text.asset_names import asset_names


def listed_brainset(root):
    """Return a folder whose manifest lists five assets."""
    folder = BrainsetFolder(root / "processed é" / "brainset")
    list_assets(folder, ["a", "b", "first", "first/1", "second"])
    return folder


def list_assets(folder, assets):
    """Write a manifest of these assets."""
    columns, lines, _ = table(pd.DataFrame(index=pd.Index(assets, name="id")))
    write_sentinel(schema_path(folder.manifest), {"columns": columns})
    folder.manifest.write_text("".join(f"{line}\n" for line in lines))


def name_of(asset):
    return asset_names([asset])[asset]


def stage(folder, asset, files=()):
    """Write files, content by path, as process would; return the staging folder."""
    staging = folder.staging(name_of(asset))
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for name, content in dict(files).items():
        path = staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return staging


def finish(folder, asset, files):
    """Do all that makes an asset done: stage, inspect, publish, leave DONE."""
    folder.sentinel(name_of(asset), DONE).unlink(missing_ok=True)
    staging = stage(folder, asset, files)
    outputs = inspected_outputs(staging)
    publish(folder, name_of(asset), asset, staging, outputs)
    record = {"asset": asset, "outputs": outputs}
    write_sentinel(folder.sentinel(name_of(asset), DONE), record)
    return outputs


def published(folder):
    """Return path and content of all data of a brainset."""
    return {
        path.relative_to(folder.root).as_posix(): path.read_bytes()
        for path in sorted(folder.root.rglob("*"))
        if path.is_file() and folder.workflow not in path.parents
    }
