"""Nothing is newer than what was made from it, whatever the clocks say."""

import os

from brainsets.shared.times import keep_order


def written(path, at):
    path.write_text("x")
    os.utime(path, (at, at))
    return path


def test_what_is_newer_than_what_was_made_of_it_is_set_back(tmp_path):
    made = written(tmp_path / "made", 1000)
    older, newer = written(tmp_path / "older", 999), written(tmp_path / "newer", 9999)
    keep_order(made, [older, newer, tmp_path / "not there"])
    assert [p.stat().st_mtime for p in (older, newer, made)] == [999, 1000, 1000]
    keep_order(tmp_path / "not there", [made])
    assert made.stat().st_mtime == 1000


def test_times_finer_than_a_float_are_kept_in_order(tmp_path):
    made, source = written(tmp_path / "made", 1), written(tmp_path / "source", 1)
    os.utime(made, ns=(1, 1_764_000_000_000_000_001))
    os.utime(source, ns=(1, 1_764_000_000_000_000_002))
    keep_order(made, [source])
    assert source.stat().st_mtime_ns == made.stat().st_mtime_ns
