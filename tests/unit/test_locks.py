"""A lock names the run that holds it, and nobody else."""

from brainsets.shared.locks import current_run, release_locks


def test_lock_whose_content_is_anything_names_nobody(tmp_path):
    for content in (b"", b"[[", b"5", b'{"since": [1], "pid": {}}', b"[" * 5000):
        path = tmp_path / "lock"
        path.write_bytes(content)
        assert current_run(path) is None
        release_locks()
