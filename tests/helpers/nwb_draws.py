"""Random numbers, values and times for files of tests, drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st

__all__ = ["Draw"]

TIMES = ("grid", "gaps", "jitter", "back", "nan", "all nan", "far", "odd")


class Draw:
    """Draws for the makers, from hypothesis."""

    def __init__(self, data):
        self.data = data
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))

    def one_of(self, *choices):
        return self.data.draw(st.sampled_from(choices))

    def number(self, low, high):
        return self.data.draw(st.integers(low, high))

    def values(self, shape, dtype):
        if dtype.startswith("float"):
            return self.rng.normal(size=shape).astype(dtype)
        info = np.iinfo(dtype)
        return self.rng.integers(info.min, info.max, shape, dtype, endpoint=True)

    def times(self, n):
        kind = self.one_of(*TIMES)
        period = self.one_of(0.01, 1 / 30, 0.5)
        times = self.one_of(0.0, -3.5, 4_393_507.5) + np.arange(n) * period
        if kind == "gaps":
            times[n // 2 :] += 77 * period
        elif kind == "jitter":
            times += self.rng.uniform(-0.4, 0.4, n) * period
        elif kind == "back" and n:
            times[n // 2 :] -= times[n // 2] - times[0]
        elif kind == "nan":
            times[self.rng.random(n) < 0.2] = np.nan
        elif kind == "all nan":
            times[:] = np.nan
        elif kind == "far" and n:
            times[0] = -1.5e9
        elif kind == "odd":
            times = np.cumsum(self.rng.exponential(size=n))
        return times

    def timing(self, n):
        if self.one_of(True, False):
            return {
                "rate": self.one_of(1.0, 29.97, 1000.0, 30_000.0),
                "starting_time": self.one_of(0.0, 12.5, -1.0, 4e6),
            }
        return {"timestamps": self.times(n)}
