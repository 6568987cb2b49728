"""Checks of a recording that need no knowledge of what was recorded."""

from collections.abc import Iterator, Mapping

import numpy as np

from brainsets.report.data.recording import Events, Recording, Signal
from brainsets.report.data.statistics import Scan

__all__ = ["hints"]

_MAX_NAMED = 8


def hints(recording: Recording, scans: Mapping[str, Scan]) -> list[str]:
    """Return one sentence for each thing that somebody should look at.

    Parameters
    ----------
    recording : Recording
        What the file holds.
    scans : mapping of str to Scan
        What is known of its datasets, by their paths.
    """
    found = [*recording.problems]
    for signal in recording.signals:
        found += _about_signal(signal, scans.get(signal.path))
    for spikes in recording.spikes:
        found += _outside(spikes.path, "spikes", spikes.times, recording.domain)
        if len(spikes.times) == 0:
            found.append(f"{spikes.path}: there is no spike")
        elif np.max(spikes.unit_index) >= spikes.n_units:
            found.append(f"{spikes.path}: spikes of units that are not in the file")
        silent = spikes.n_units - len(np.unique(spikes.unit_index))
        if silent > 0 and len(spikes.times):
            found.append(
                f"{spikes.path}: {silent} of {spikes.n_units} units are silent"
            )
    for events in [*recording.events, *recording.splits]:
        found += _about_events(events, recording)
    for path, scan in scans.items():
        if scan.is_numeric and scan.count and scan.missing == scan.count:
            found.append(f"{path}: all values are missing")
        if scan.infinite:
            found.append(f"{path}: {scan.infinite} of {scan.count} values are infinite")
    return found


def _about_signal(signal: Signal, scan: Scan | None) -> Iterator[str]:
    if scan is not None and scan.flat:
        names = _named(signal, scan.flat)
        yield f"{signal.path}: one value all along in {names}"
    if scan is not None and scan.empty and (scan.missing or 0) < scan.count:
        names = _named(signal, scan.empty)
        yield f"{signal.path}: nothing but missing values in {names}"
    domain, extent = signal.values.parent.get("domain/end"), signal.extent
    if signal.rate_hz and extent and domain is not None and len(domain):
        ends_s, says_s = extent[1], float(domain[-1])
        if abs(ends_s - says_s) > 1.5 / signal.rate_hz:
            yield (
                f"{signal.path}: its samples end at {ends_s:g} s, "
                f"its domain at {says_s:g} s"
            )
    if signal.times is not None and np.any(np.diff(signal.times[:]) < 0):
        yield f"{signal.path}: its times are not in order"


def _named(signal: Signal, columns: list[int]) -> str:
    if signal.n_channels == 1:
        return "the only channel"
    names = [signal.channels[c] if signal.channels else f"#{c}" for c in columns]
    more = ", ..." if len(names) > _MAX_NAMED else ""
    shown = ", ".join(names[:_MAX_NAMED])
    return f"{len(columns)} of {signal.n_channels} channels ({shown}{more})"


def _about_events(events: Events, recording: Recording) -> Iterator[str]:
    yield from _outside(events.path, "events", events.starts, recording.domain)
    if events.ends is not None:
        turned = int(np.sum(events.ends < events.starts))
        if turned:
            count = len(events.starts)
            yield f"{events.path}: {turned} of {count} end before they begin"
        yield from _outside(events.path, "ends", events.ends, recording.domain)


def _outside(
    path: str, what: str, times: np.ndarray, domain: tuple[float, float] | None
) -> Iterator[str]:
    if domain is None:
        return
    # A sample's rounding is no fault.
    slack_s = 1e-6 * max(1.0, abs(domain[1]))
    outside = int(np.sum((times < domain[0] - slack_s) | (times > domain[1] + slack_s)))
    if outside:
        yield (
            f"{path}: {outside} of {len(times)} {what} lie outside of the recording, "
            f"which is from {domain[0]:g} to {domain[1]:g} s"
        )
