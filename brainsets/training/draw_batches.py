"""Draw batches of a folder of recordings with torch_brain; print what came as JSON.

A program by itself, as it runs in an interpreter that has torch and torch_brain and may
have nothing of ours: ``python draw_batches.py FOLDER WINDOW_S BATCHES WORKERS``.
"""

import json
import sys
import time

SPLITS = ("train", "valid", "test")


def main(folder, window_s, batches, workers):
    """Print one JSON object: a part for each split, or why there is none."""
    import torch
    from torch_brain.samplers import RandomFixedWindowSampler

    try:
        from torch_brain.dataset import Dataset
    except ImportError:
        from torch_brain.datasets import Dataset

    dataset = Dataset(folder, transform=_Counted())
    found: dict = {}
    for split in SPLITS:
        intervals = {}
        for recording in dataset.recording_ids:
            domain = getattr(dataset.get_recording(recording), f"{split}_domain", None)
            if domain is not None and len(domain):
                intervals[recording] = domain
        if not intervals:
            found[split] = {"error": "no recording has such a part"}
            continue
        try:
            sampler = RandomFixedWindowSampler(
                sampling_intervals=intervals,
                window_length=window_s,
                generator=torch.Generator().manual_seed(0),
            )
            loader = torch.utils.data.DataLoader(
                dataset,
                sampler=sampler,
                batch_size=8,
                num_workers=workers,
                collate_fn=list,
            )
            began, count, values = time.perf_counter(), 0, 0
            for number, batch in enumerate(loader):
                count += len(batch)
                values += sum(each["values"] for each in batch)
                if number + 1 >= batches:
                    break
            seconds = time.perf_counter() - began
        except Exception as error:
            text = " ".join(str(error).split())
            found[split] = {"error": f"{type(error).__name__}: {text}"}
            continue
        found[split] = {
            "recordings": len(intervals),
            "windows": count,
            "values": values,
            "seconds": seconds,
        }
    print(json.dumps(found))


class _Counted:
    """Reads all of a window, as a model does, and keeps how much that was."""

    def __call__(self, data):
        return {"values": _size(data), "start": float(data.absolute_start)}


def _size(data):
    total = 0
    for key in data.keys():
        part = getattr(data, key)
        if not hasattr(part, "keys"):
            continue
        for name in part.keys():
            values = getattr(part, name)
            total += int(getattr(values, "size", 0) or 0)
    return total


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
