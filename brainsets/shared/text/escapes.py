"""Text as one field of a line of a table: what would end either is escaped."""

import re

__all__ = ["CellError", "escape", "unescape"]


class CellError(ValueError):
    """A value that a table cannot hold, or a text that is no value.

    `advice` says what to write instead, `value` what it is, where that is known.
    """

    def __init__(self, text: str, *, advice: str = "", value: object = None) -> None:
        super().__init__(text)
        self.advice, self.value = advice, value


_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}
_UNESCAPES = {text: char for char, text in _ESCAPES.items()}
_ESCAPED = re.compile(
    r"\\(?:[tnr\\]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})|\\", re.DOTALL
)


def escape(text: str) -> str:
    """Return text as one field of a line: nothing in it ends a field or a line."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_escaped_char(char) for char in text)


def _escaped_char(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unescape(field: str) -> str:
    """Return the text that `escape` made a field of."""
    if "\\" not in field:
        return field
    return _ESCAPED.sub(_unescaped, field)


def _unescaped(match: re.Match[str]) -> str:
    text = match[0]
    if text in _UNESCAPES:
        return _UNESCAPES[text]
    if len(text) == 1:
        raise CellError(f"a lone backslash (write it as \\\\) in {match.string!r}")
    return chr(int(text[2:], 16))
