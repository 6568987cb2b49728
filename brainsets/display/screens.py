"""Where a run is shown, and how often: a terminal that is redrawn, or plain lines."""

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from brainsets.shared.state.status import failure_text
from brainsets.shared.text.lines import single_line
from brainsets.shared.text.streams import escape_controls, make_safe

if TYPE_CHECKING:
    from rich.console import Console

    from brainsets.display.live_view import AssetLine, BrainsetBar

__all__ = [
    "LineScreen",
    "LiveScreen",
    "Screen",
    "Ticker",
    "can_redraw",
    "console",
    "pause_s",
]

# Of one core, in the process that also plans and starts all jobs.
_MAX_CPU_SHARE = 0.01


def can_redraw(stream: TextIO) -> bool:
    """Whether a stream is a terminal on which lines can be drawn anew."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and os.environ.get("TERM") not in ("dumb", None)


def console(stream: TextIO, **options: Any) -> "Console":
    """Return a console that writes to a stream whatever there is to be written."""
    # Not before there is something to show: it takes a tenth of a second.
    from rich.console import Console

    class SafeConsole(Console):
        def on_broken_pipe(self) -> None:
            # What Rich does, to exit with 1, would say that something has failed.
            raise

    make_safe(stream)
    return SafeConsole(file=stream, highlight=False, **options)


class Screen(ABC):
    """What both kinds of screen can do; `is_live` is whether bars are drawn."""

    is_live: bool

    @abstractmethod
    def tell(self, line: str, style: str = "") -> None:
        """Write a line."""

    def tell_failure(
        self, what: str, failure: dict[str, Any], *, with_type: bool = True
    ) -> None:
        """Write why something failed, and where its log is."""
        text = failure_text(failure, with_type=with_type)
        self.tell(f"FAILED {what}: {text}", "red")
        if failure.get("log"):
            self.tell(f"       log: {single_line(failure['log'])}")

    @abstractmethod
    def draw(
        self, bars: "Sequence[BrainsetBar]", assets: "Sequence[AssetLine]", more: int
    ) -> None:
        """Draw bars and lines anew; `more` assets at work have no line."""

    @abstractmethod
    def close(self) -> None:
        """Leave the terminal as it was found."""


class LineScreen(Screen):
    """Plain lines, for pipes, files and terminals that can do no more."""

    is_live = False

    def __init__(self, stream: TextIO) -> None:
        make_safe(stream)
        self._stream = stream

    def tell(self, line: str, style: str = "") -> None:
        """Write a line."""
        self._stream.write(f"{escape_controls(line)}\n")
        self._stream.flush()

    def draw(
        self, bars: "Sequence[BrainsetBar]", assets: "Sequence[AssetLine]", more: int
    ) -> None:
        """Draw nothing: what was written stays."""

    def close(self) -> None:
        """Leave everything as it is."""


class LiveScreen(Screen):
    """Bars and lines at the foot of a terminal, and lines that scroll by above it."""

    is_live = True

    def __init__(self, stream: TextIO, *, no_color: bool = False) -> None:
        # Not before a run has begun: it takes a tenth of a second.
        from rich.live import Live
        from rich.text import Text

        from brainsets.display.live_view import draw_run

        self._text: Callable[..., Text] = Text
        self._draw_run = draw_run
        self._console = console(
            stream,
            # None: as NO_COLOR in the environment says.
            no_color=True if no_color else None,
            soft_wrap=True,
            force_terminal=True,
        )
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()
        # Rich hides it; it would stay hidden if this process is killed.
        self._console.show_cursor(True)

    def tell(self, line: str, style: str = "") -> None:
        """Write a line above the picture."""
        # Snakemake colours some of its words.
        line = escape_controls(line, colours=not self._console.no_color)
        self._console.print(self._text(line, style=style))

    def draw(
        self, bars: "Sequence[BrainsetBar]", assets: "Sequence[AssetLine]", more: int
    ) -> None:
        """Draw the picture anew."""
        size = self._console.size
        drawn = self._draw_run(
            bars,
            assets,
            # The last column is left: some terminals wrap when it is written.
            width=size.width - 1,
            height=size.height - 1,
            more=more,
            unicode=self._console.encoding.startswith("utf"),
        )
        self._live.update(drawn, refresh=True)

    def close(self) -> None:
        """Remove the picture."""
        self._live.stop()


def pause_s(cost_s: float, least_s: float, *, share: float = _MAX_CPU_SHARE) -> float:
    """Return how long to wait after something that took so many CPU seconds.

    So long that it takes no more than `share` of one core, and at least `least_s`.
    """
    return max(least_s, cost_s * (1 / share - 1))


class Ticker(threading.Thread):
    """Calls a function in a thread of its own until it is told to stop.

    The longer a call takes, the longer is the pause after it.

    Parameters
    ----------
    function : callable
        Called without arguments. It must not raise.
    least_s : float
        Seconds between two calls, at least.
    """

    def __init__(self, function: Callable[[], None], least_s: float) -> None:
        super().__init__(name="brainsets-display", daemon=True)
        self._function = function
        self._least_s = least_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Call the function until `stop`."""
        wait_s = 0.0
        while not self._stopped.wait(wait_s):
            began = time.thread_time()
            self._function()
            wait_s = pause_s(time.thread_time() - began, self._least_s)

    def stop(self) -> None:
        """Have it call no more; what is under way is finished."""
        self._stopped.set()
