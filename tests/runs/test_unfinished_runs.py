"""A run that has not brought about all that was asked for does not end with 0."""

from tests.helpers.small_pipeline import write


def test_sentinels_that_vanish_within_the_run_are_told(workspace):
    body = """
    assets = ["a", "b"]
    def process(self, row):
        (self.processed_dir / f"{row.Index}.txt").write_text("x")
        [workflow] = [p for p in self.processed_dir.parents if p.name == "_workflow"]
        if not (self.raw_dir / "mended").exists():
            for sentinel in workflow.glob("status/*.DONE"):
                sentinel.unlink()
"""
    pipeline = write(workspace, body)
    run = workspace.run(str(pipeline), batch_size=2)
    assert run.returncode == 1
    [line] = [x for x in run.stdout.splitlines() if x.startswith("brainsets: ")]
    assert "Snakemake has ended without an error, but left undone: recorder " in line
    (workspace.raw_dir / "recorder" / "mended").write_text("")
    assert workspace.run(str(pipeline), batch_size=2).returncode == 0
