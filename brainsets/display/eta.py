"""How long what is left of a run will take, judged by the jobs that have ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Pace"]


@dataclass
class _Measured:
    """Jobs of one step: those that have ended, and those that are under way."""

    assets: int = 0
    busy_s: float = 0.0
    # By job id: when it began, and for how many assets.
    open: dict[int, tuple[float, int]] = field(default_factory=dict)
    # Sum over the open jobs, so that nothing is added up each time.
    begun: float = 0.0

    @property
    def mean_s(self) -> float | None:
        return self.busy_s / self.assets if self.assets else None

    def so_far_s(self, now: float) -> float:
        return max(len(self.open) * now - self.begun, 0.0)


class Pace:
    """Durations of the steps of one brainset, and how many run at once.

    All times are seconds of one clock. Whatever is done costs the same at ten and at
    ten thousand assets.
    """

    def __init__(self) -> None:
        self._steps = {"download": _Measured(), "process": _Measured()}
        self._started: float | None = None

    def begin(self, job: int, step: str, assets: int, now: float) -> None:
        """Note that a job has begun."""
        if self._started is None:
            self._started = now
        measured = self._steps[step]
        measured.open[job] = (now, assets)
        measured.begun += now

    def end(self, job: int, step: str, now: float) -> None:
        """Note that a job has ended, however."""
        measured = self._steps[step]
        began, assets = measured.open.pop(job, (None, 0))
        if began is not None:
            measured.begun -= began
            measured.busy_s += now - began
            measured.assets += assets

    def left_s(self, remaining: Mapping[str, int], now: float) -> float | None:
        """Return how many seconds are left; None before a job of each step has ended.

        Parameters
        ----------
        remaining : mapping of str to int
            For each step the assets that it has not ended for.
        """
        work_s = busy_s = 0.0
        for step, assets in remaining.items():
            measured = self._steps[step]
            so_far_s = measured.so_far_s(now)
            busy_s += measured.busy_s + so_far_s
            if not assets:
                continue
            if measured.mean_s is None:
                return None
            # A job that takes longer than the mean counts as about to end.
            most_s = len(measured.open) * measured.mean_s
            work_s += max(assets * measured.mean_s - min(so_far_s, most_s), 0.0)
        if self._started is None or busy_s <= 0:
            return None
        at_once = busy_s / max(now - self._started, 1e-6)
        return work_s / at_once
