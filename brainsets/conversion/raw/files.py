"""What a file of continuous signals holds, whatever its format is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Annotation", "RawChannel", "RawFile"]


class Annotation(NamedTuple):
    """Text at a time: both in s, from the file's first sample or its start."""

    onset: float
    duration: float
    text: str


@dataclass(frozen=True)
class RawChannel:
    """One channel of a file.

    Parameters
    ----------
    label : str
        As the file has it.
    id : str
        Differs from that of every other channel of the file.
    type : str
        ``eeg``, ``eog``, ``ecg``, ``emg``, ``ieeg``, ``meg_mag``, ``meg_grad``,
        ``meg_ref``, ``stim``, ``misc`` and so on; empty if the file does not say it.
    unit : str
        Of what `RawFile.read` returns: ``V``, ``T``, ``T/m``, or as the file has it.
    source_unit : str
        As the file has it; empty if it has none.
    scale : float
        The factor from `source_unit` to `unit`, which `RawFile.read` has applied.
    sampling_rate : float
        Hz.
    samples : int
        How many there are.
    segments : tuple of (int, float)
        First sample of each part without gaps, and its time in s.
    largest : float
        The largest absolute value that it can have, in `unit`; infinite if unknown.
    reason : str
        Why it cannot be taken, one of `brainsets.conversion.inventory.REASONS`.
    note : str
        What else is to be known of it.
    more : mapping
        Numbers and text: ``prefilter``, ``transducer``, ``x``, ``y`` and ``z`` in m.
    """

    label: str
    id: str
    type: str
    unit: str
    source_unit: str
    scale: float
    sampling_rate: float
    samples: int
    segments: tuple[tuple[int, float], ...]
    largest: float = float("inf")
    reason: str = ""
    note: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class RawFile:
    """A file, or files that belong together, whose samples are read when asked for.

    Parameters
    ----------
    format : str
        ``EDF+C``, ``BrainVision``, ``EEGLAB``, ``FIF`` and so on.
    path : Path
        The file that was opened.
    files : list of Path
        All files that it consists of.
    channels : list of RawChannel
        In the order of the file, without signals that hold annotations.
    dtype : numpy.dtype
        Tells all stored numbers apart.
    reader : callable
        What `read` calls.
    annotations : list of Annotation
        Sorted by their onsets.
    subject, session, device : dict
        What the file says for the descriptions of these names; no names of people.
    notes : list of str
        What is odd about the file as a whole.
    annotation_notes : list of str
        What is odd about its annotations.
    """

    format: str
    path: Path
    files: list[Path]
    channels: list[RawChannel]
    dtype: np.dtype
    reader: Callable[[Sequence[int], int, int], np.ndarray]
    annotations: list[Annotation] = field(default_factory=list)
    subject: dict[str, Any] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    annotation_notes: list[str] = field(default_factory=list)

    def read(self, numbers: Sequence[int], i: int, j: int) -> np.ndarray:
        """Return the samples ``i:j`` of channels of one rate.

        Parameters
        ----------
        numbers : sequence of int
            Which of `channels`.
        i, j : int
            First sample, and the one after the last.

        Returns
        -------
        ndarray of shape (j - i, len(numbers))
            In the channels' units.

        Raises
        ------
        OSError
            The file is not there any more, or has become shorter.
        """
        return self.reader(numbers, i, j)
