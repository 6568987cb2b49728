"""``python -m brainsets.runner PIPELINE_FILE``: as the published runner, by Snakemake.

It runs the pipeline in the interpreter that it is itself run with.
"""

__all__: list[str] = []

if __name__ == "__main__":
    from brainsets.commands.runs.prepare import runner_main

    raise SystemExit(runner_main())
