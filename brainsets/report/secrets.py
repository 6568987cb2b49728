"""What must not be in a page that people send to others: passwords, tokens, keys."""

import re

__all__ = ["without_secrets"]

_WORDS = r"token|secret|passw(?:or)?d|api[-_]?key|access[-_]?key|signature|credential"
_PATTERNS = (
    # https://user:password@host; git@host is nobody's secret.
    re.compile(r"((?<=://))(?!git@)[^\s/@]+(?=@)"),
    # --token VALUE
    re.compile(rf"(--[\w-]*(?:{_WORDS})[\w-]* )[^\s'\"]+", re.I),
    # token=VALUE in a URL or a call, 'token': 'VALUE' in a mapping
    re.compile(rf"((?:{_WORDS})[\w-]*['\"]?(?:=|: ?)['\"]?)[^\s&;,'\")\]}}]+", re.I),
    # a header
    re.compile(r"(\b(?:bearer|basic) )[\w.~+/=-]{8,}", re.I),
)


def without_secrets(text: str) -> str:
    """Return text with ``***`` for whatever looks like a password, token or key."""
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1***", text)
    return text
