"""List the assets of a brainset and write the manifest."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from brainsets.errors import BrainsetError, ManifestError, PipelineError
from brainsets.jobs.code.loading import load_pipeline, parsed_args
from brainsets.jobs.code.outside_modules import hash_outside_modules
from brainsets.jobs.column_advice import replacement_advice
from brainsets.jobs.edits_meanwhile import (
    args_unless_edited,
    code_unless_edited,
    current_code,
)
from brainsets.jobs.job import Job
from brainsets.jobs.job_process import set_up_process
from brainsets.pipeline import SkipAsset
from brainsets.shared.files import remove_file, write_atomically
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.locks import lock_listing
from brainsets.shared.manifest_schema import FORMAT, schema_path
from brainsets.shared.state import sentinels
from brainsets.shared.text import manifest_cells as cells
from brainsets.shared.text.asset_names import AssetNames, asset_name
from brainsets.shared.text.escapes import escape
from brainsets.shared.times import keep_order, utc_timestamp
from brainsets.shared.version import VERSION
from brainsets.supervision.failures import failure_from_parent, say, say_error
from brainsets.supervision.run import Interrupted, Outcome, run_supervised

__all__ = ["table", "write_manifest"]


def write_manifest(job: Job) -> int:
    """Run ``get_manifest`` and write what it lists; leave manifest.FAILED otherwise.

    Returns
    -------
    int
        The exit status: 0 on success.
    """
    started = utc_timestamp()
    try:
        set_up_process(job)
        if not lock_listing(job.folder.lock, wait=False):
            print("waiting for an earlier run's job, which lists them", flush=True)
            lock_listing(job.folder.lock, wait=True)
        print(f"list the assets of {job.brainset}, {started}", flush=True)
        outcome = run_supervised(lambda: _list_in_child(job), timeout_s=job.timeout_s)
    except Interrupted as interruption:
        say_error(f"stopped by {interruption}")
        return 128 + interruption.signum
    except (BrainsetError, OSError) as error:
        outcome = Outcome(failure=failure_from_parent(error))
    if outcome.failure is None:
        remove_file(job.folder.listing_failure)
        keep_order(job.folder.manifest, [job.folder.environment_ready])
        say(f"listed {outcome.result} assets")
        return 0
    record = {
        "brainset": job.brainset,
        "step": "write_manifest",
        "args": job.recorded_args(),
        "started": started,
        "ended": utc_timestamp(),
        "attempts": [{"time": utc_timestamp(), **outcome.failure}],
        "log": str(job.folder.log("write_manifest")),
    }
    try:
        sentinels.write_sentinel(job.folder.listing_failure, record)
    except OSError as error:
        say_error(f"that this has failed cannot be written: {error}")
    return 1


def _list_in_child(job: Job) -> int:
    before = job.recorded_args()
    code = current_code(job) if job.code_stamp else ("", job.code)
    pipeline = load_pipeline(job.pipeline)
    read = job.own_id or job.brainset
    if pipeline.brainset_id != read:
        raise PipelineError(
            f"{job.pipeline}: brainset_id reads {read!r} in the source but is "
            f"{pipeline.brainset_id!r} when loaded; assign it once, as plain text."
        )
    pipeline.brainset_id = job.brainset
    if job.folder.manifest.exists():
        pipeline.earlier_manifest = job.folder.manifest
    args = parsed_args(pipeline, job.arguments)
    try:
        frame = pipeline.get_manifest(raw_dir=job.raw_dir, args=args)
    except SkipAsset as error:
        raise PipelineError(
            f"get_manifest raised SkipAsset ({error}): only download and process can "
            "skip an asset; leave out its row here."
        ) from error
    columns, lines, assets = table(frame)
    # Fail on a wrong selection before any asset is started.
    job.selection.apply(job.brainset, assets)
    listing = {
        "format": FORMAT,
        "brainset": job.brainset,
        "columns": columns,
        "args": args_unless_edited(job, before),
        "code": code_unless_edited(job, *code),
        "imported": hash_outside_modules(job.pipeline),
        "pipeline": str(job.pipeline),
        "listed": utc_timestamp(),
        "versions": {"brainsets-workflow": VERSION, "python": sys.version.split()[0]},
    }
    _follow_names(job.folder, assets)
    _write(job.folder.manifest, listing, lines)
    return len(assets)


def _follow_names(folder: BrainsetFolder, assets: list[str]) -> None:
    """Rename the files of assets whose name in file names has changed.

    The name of an id changes when an id that differs from it only in case is added or
    removed.
    """
    existing = folder.sentinel_files()
    names = AssetNames(dict.fromkeys(assets))
    kept = (sentinels.DONE, sentinels.DOWNLOADED, sentinels.FAILED)
    for file in sorted(existing):
        old, _, state = file.rpartition(".")
        if state not in kept or names.asset(old) is not None:
            continue
        asset = (sentinels.read_sentinel(folder.status / file) or {}).get("asset")
        if asset is None or asset not in names:
            continue
        name = names[asset]
        if old != asset_name(asset, hashed="~" not in name):
            continue
        if f"{name}.{state}" not in existing:
            os.replace(folder.status / file, folder.sentinel(name, state))
            if folder.handoff(old).exists():
                os.replace(folder.handoff(old), folder.handoff(name))


def _write(path: Path, listing: dict[str, Any], lines: list[str]) -> None:
    sentinels.write_sentinel(schema_path(path), listing)
    write_atomically(
        path, "".join(f"{line}\n" for line in lines).encode(), durable=True
    )


def table(frame: Any) -> tuple[list[dict[str, str]], list[str], list[str]]:
    """Return a manifest as text.

    Parameters
    ----------
    frame : pandas.DataFrame
        The manifest; its index identifies the assets.

    Returns
    -------
    columns, lines, assets
        Name and type of each column, the lines of the table, and the ids.

    Raises
    ------
    ManifestError
        It is no DataFrame, an id is missing or stands twice, or a table cannot hold it.
    """
    import pandas

    if not isinstance(frame, pandas.DataFrame):
        raise ManifestError(
            f"get_manifest returned a {type(frame).__name__}, not a pandas DataFrame; "
            "return one with a row per asset, indexed by the assets' ids."
        )
    if isinstance(frame.index, pandas.MultiIndex):
        raise ManifestError(
            f"the manifest's index has {frame.index.nlevels} levels "
            f"({list(frame.index.names)}); join them into one column of ids."
        )
    rows = [list(row) for row in frame.itertuples(name=None)]
    assets = _ids(rows)
    name = frame.index.name
    header = ["asset" if name is None else str(name), *map(str, frame.columns)]
    columns, texts = [], []
    for position, title in enumerate(header):
        values = [row[position] for row in rows]
        kind, text = _column(title, values, assets)
        columns.append({"name": title, "type": kind})
        texts.append(text)
    lines = ["\t".join(map(escape, header))]
    lines += ["\t".join(fields) for fields in zip(*texts)]
    return columns, lines, assets


def _column(title: str, values: list[Any], assets: list[str]) -> tuple[str, list[str]]:
    try:
        return cells.column(values)
    except (cells.CellError, RecursionError):
        pass
    for asset, value in zip(assets, values):
        where = f"manifest, asset {asset!r}: column {title!r} holds"
        try:
            cells.write(value, "mixed")
        except cells.CellError as error:
            raise ManifestError(
                f"{where} {error}, which a table cannot hold; "
                f"store {error.advice or replacement_advice(error.value)} instead."
            ) from error
        except RecursionError as error:
            raise ManifestError(
                f"{where} a {type(value).__name__} that holds itself, or is nested too "
                "deep for a table; store the values that it is made of instead."
            ) from error
    raise ManifestError(f"manifest: column {title!r} cannot be written.")


def _ids(rows: list[list[Any]]) -> list[str]:
    ids = [row[0] for row in rows]
    try:
        kind, texts = cells.column(ids)
    except cells.CellError as error:
        raise ManifestError(
            f"the manifest's index holds {error}; use text or whole numbers as ids."
        ) from error
    if kind == "mixed":
        raise ManifestError(
            "the manifest's index holds values of different types; use text as ids."
        )
    seen: dict[str, int] = {}
    for number, (value, text) in enumerate(zip(ids, texts), start=1):
        if text.startswith("\\N") or text in ("", "nan"):
            raise ManifestError(
                f"row {number} of the manifest has no id ({value!r}); "
                "give each asset one, or drop the row."
            )
        if text in seen:
            raise ManifestError(
                f"the manifest has the id {json.dumps(str(value), ensure_ascii=False)} "
                f"twice, in rows {seen[text]} and {number}; ids must differ."
            )
        seen[text] = number
    return [value if kind == "str" else text for value, text in zip(ids, texts)]
