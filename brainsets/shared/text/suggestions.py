"""Which spelling was meant by a wrong one."""

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(
    wrong: str, known: Iterable[str], count: int = 3, cutoff: float = 0.5
) -> str:
    """Return a hint that names the spellings did_you_mean to a wrong one, or ""."""
    by_case = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(wrong.casefold(), by_case, count, cutoff)
    if not found:
        return ""
    return f"did you mean {' or '.join(repr(by_case[f]) for f in found)}?"
