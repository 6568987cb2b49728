"""A pipeline's own arguments, as far as they decide what has to be done again."""

from collections.abc import Sequence

__all__ = ["counted"]

_NOT_COUNTED = {"--redownload", "--reprocess"}


def counted(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without the flags that only ask for a repetition."""
    return [argument for argument in arguments if argument not in _NOT_COUNTED]
