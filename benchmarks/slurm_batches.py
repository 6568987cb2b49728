"""200 recordings of one second each on 4 slots of a SLURM of one node.

``python benchmarks/slurm_batches.py [--assets 200] [--batch-size 50 1]`` prints the
wall time for each size of batches, and its ratio to the ideal: all seconds over all
slots, and one job's start. The start is measured by a run of one asset. It needs SLURM,
munge and the extra ``slurm``.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.helpers.one_node_slurm import one_node_slurm  # noqa: E402

SLOTS, SECONDS = 4, 1.0


def wall_s(cluster, assets: int, batch_size: str) -> float:
    """Return the seconds that a run over so many assets takes, from nothing."""
    import os

    root = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        shutil.copytree(ROOT / "tests/pipelines/recorder", root / "recorder")
        raw = root / "raw/recorder"
        raw.mkdir(parents=True)
        rows = [
            {"id": f"s{number:03}", "behave": "", "seconds": SECONDS, "value": 1}
            for number in range(assets)
        ]
        (raw / "rows.json").write_text(json.dumps(rows))
        brainset = {
            "pipeline": str(root / "recorder"),
            "process": {"mem_mb": 400, "runtime": 1},
        }
        config = {
            "raw_dir": str(root / "raw"),
            "processed_dir": str(root / "processed"),
            "brainsets": [brainset],
            "batch_size": batch_size if batch_size == "auto" else int(batch_size),
        }
        (root / "settings.json").write_text(json.dumps(config))
        words = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        words += ["--directory", root, "--configfile", root / "settings.json"]
        words += ["--profile", ROOT / "profiles/slurm", "--retries", "0"]
        words += ["--jobs", str(SLOTS), "--slurm-init-seconds-before-status-checks"]
        words += ["5"]
        started = time.monotonic()
        run = subprocess.run(
            [*map(str, words)],
            env={**os.environ, **cluster.environment, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
        )
        took = time.monotonic() - started
        done = len(list((root / "processed").glob("*/_workflow/status/*.DONE")))
        if run.returncode or done != assets:
            sys.exit(f"{done} of {assets} are done\n{run.stdout}\n{run.stderr}")
        return took
    finally:
        shutil.rmtree(root, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=int, default=200)
    parser.add_argument("--batch-size", nargs="+", default=["50", "1"])
    options = parser.parse_args()
    with one_node_slurm(cpus=SLOTS) as cluster:
        start_s = wall_s(cluster, 1, "1") - SECONDS
        ideal_s = options.assets * SECONDS / SLOTS + start_s
        print(f"one job's start: {start_s:.1f} s (with what Snakemake takes itself)")
        print(f"ideal: {ideal_s:.1f} s", flush=True)
        for size in options.batch_size:
            took_s = wall_s(cluster, options.assets, size)
            ratio = took_s / ideal_s
            print(f"batch_size {size}: {took_s:.1f} s, {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
