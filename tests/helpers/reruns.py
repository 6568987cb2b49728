"""What runs when a run is repeated, told by what the pipeline was asked to do."""

ASSETS = ["a", "b", "c"]


def events_of(workspace, *arguments, brainsets=None, **settings):
    """Run again and return what ran."""
    run = workspace.run(brainsets or str(workspace.pipeline), *arguments, **settings)
    assert run.returncode == 0, run.stdout
    return sorted(workspace.events())


def both_steps(*assets):
    return sorted(f"{step} {a!r}" for a in assets for step in ("download", "process"))


def processes(*assets):
    return sorted(f"process {asset!r}" for asset in assets)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
