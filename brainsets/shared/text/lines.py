"""Text as one line of a terminal or table: escaped, and shortened where it is long."""

__all__ = [
    "MAX_LINE_LENGTH",
    "MAX_TITLE_LENGTH",
    "asset_title",
    "cut_end",
    "cut_middle",
    "first_line",
    "single_line",
]

MAX_LINE_LENGTH = 500
"""How many characters of an error's first line, or of a status, are shown."""
MAX_TITLE_LENGTH = 120
"""How many characters of an id are shown in tables and messages."""


def single_line(text: object, longest: int | None = None) -> str:
    """Return text as one line of a terminal or table: control characters escaped.

    What is longer than `longest` is cut.
    """
    text = str(text)
    is_cut = longest is not None and len(text) > longest
    line = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in (text[:longest] if is_cut else text)
    )
    return cut_end(f"{line}…" if is_cut else line, longest)


def cut_end(text: str, longest: int | None) -> str:
    """Return text cut to a length, with an ellipsis at its end."""
    if longest is None or len(text) <= longest:
        return text
    return f"{text[: longest - 1]}…"


def asset_title(asset: object) -> str:
    """Return an id on one line; of a long one, its start and end."""
    # Cut first, as it may have millions of letters.
    return cut_middle(
        single_line(cut_middle(str(asset), MAX_TITLE_LENGTH)), MAX_TITLE_LENGTH
    )


def first_line(message: object, *, last: bool = False) -> str:
    """Return the first line of a message, or its last, as one line of a table."""
    text = str(message).strip("\n")
    line = text.rpartition("\n")[2] if last else text.partition("\n")[0]
    return single_line(line, MAX_LINE_LENGTH)


def cut_middle(text: str, longest: int) -> str:
    """Return text cut to a length, with an ellipsis for its middle."""
    if len(text) <= longest:
        return text
    head = longest * 2 // 3
    return f"{text[:head]}…{text[head + 1 - longest :]}"
