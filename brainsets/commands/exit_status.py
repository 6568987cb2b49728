"""How a command ends: with its status, or with one sentence that says why not."""

import sys
from collections.abc import Callable

from brainsets.errors import BrainsetError
from brainsets.shared.text.streams import discard_unwritable, make_safe, print_to_stderr

__all__ = ["exit_status"]


def exit_status(run: Callable[[], int]) -> int:
    """Call what a command does, and return its exit status, whatever happens."""
    make_safe()
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()
    except BrainsetError as error:
        print_to_stderr(f"brainsets: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Our output was closed, as by `head`.
        discard_unwritable()
        return 141
    except OSError as error:
        discard_unwritable()
        what = error.filename or "what there is to say cannot be written"
        print_to_stderr(f"brainsets: {what}: {error.strerror or error}.")
        return 2
