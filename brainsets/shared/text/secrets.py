"""What looks like a password, token or key is masked in what we write and show.

Sentinels, logs and reports are what people send to others who are to help them. Not
every secret can be known by its looks: this is for those that slip in by themselves,
in addresses above all.
"""

import re
from collections.abc import Callable
from functools import partial

__all__ = ["MASK", "without_secrets"]

MASK = "***"

# Names whose value is a secret, also at the end of a longer one: GITHUB_TOKEN, apiKey.
_LONG = (
    r"token|secret|passw(?:or)?d|passphrase|signature|credentials?|"
    r"(?:api|access|account|private|secret|shared|subscription)[-_]?key"
)
# Shorter ones stand alone, or after a line: sig, but not design.
_SHORT = r"(?<![a-z])(?:sig|pwd|auth|jwt|sas)|(?<![\w-])pass"
_WORD = rf"(?:{_LONG}|{_SHORT})"
# Elsewhere these are a column, a sorting, a page.
_IN_QUERY = (
    r"key|policy|session(?:[-_]?id)?|ticket|awsaccesskeyid|googleaccessid|key-pair-id|"
    r"x-[a-z]{1,4}-(?:signature|credential|security-token)"
)
# What ends a value that is in no quotes.
_END = r"\s&;,'\"<>()\[\]{}\\"
# A value, in quotes (which may be escaped, as in JSON within JSON) or not; quotes that
# do not end are those of a text that was cut.
_VALUE = (
    r"(?P<quote>\\*['\"])?(?P<value>(?(quote)(?:[^\r\n]{1,2000}?(?=(?P=quote))|"
    rf"[^\r\n]+)|(?:\([^()\r\n]*\)|[^{_END}]+)))"
)
_SCHEME = r"(?:\b[a-z][a-z0-9+.-]{0,20}:|(?<![\w:/]))//"
# Quotes and escapes are part of a password unless they look like the end of a text.
_IN_USER = r"(?:[^\s/?#'\"<>\\]|['\"](?![,)\]}:;]|$)|\\(?![nrt'\"]))"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.I)


# https://user:password@host and https://token@host, up to the last @ of the host.
_USER = _compiled(rf"(?P<before>{_SCHEME})(?P<value>{_IN_USER}+)(?=@)")
# With a slash in the password, where there would be a number after a host.
_ODD_USER = _compiled(
    rf"(?P<before>{_SCHEME})(?P<value>(?!\[)[^\s/?#@:'\"<>]*:(?!\d*(?:[/?#]|$))"
    r"[^\s@'\"<>]+)(?=@)"
)
# In an address that is part of another one
_ENCODED_USER = _compiled(
    r"(?P<before>\b[a-z][a-z0-9+.-]{0,20}%3A%2F%2F)"
    r"(?P<value>(?:(?!%2F|%3F|%23|%40)[^\s/&?#@'\"])+)(?=%40)"
)
_ENCODED_QUERY = _compiled(
    rf"(?P<before>(?:%3F|%26|%23|[?&;#])(?P<name>[\w.-]{{0,60}}?(?:{_WORD}|{_IN_QUERY}))"
    rf"%3D)(?P<value>(?:(?!%26|%23)[^{_END}#])+)"
)
_QUERY = _compiled(rf"(?P<before>[?&;#](?P<name>{_IN_QUERY})=)(?P<value>[^{_END}#]+)")
_OPTION = _compiled(
    rf"(?P<before>(?<![\w-])--(?P<name>(?:[a-z0-9][\w-]{{0,60}}?)?{_WORD}|pass)"
    rf"(?:=|[ \t]+|\\*['\"]\s*,\s*)(?!\\*['\"]?--)){_VALUE}"
)
_ASSIGNED = _compiled(rf"(?P<before>(?P<name>{_WORD})\\*['\"]?=(?!=)){_VALUE}")
_KEYED = _compiled(rf"(?P<before>(?P<name>{_WORD})\\*['\"]\s*:\s*){_VALUE}")
# Also "unexpected token: comma", or a line of code
_SAID = _compiled(rf"(?P<before>(?P<name>{_WORD})(?::[ \t]*|[ \t]+=[ \t]+)){_VALUE}")
_HEADER = _compiled(
    r"(?P<before>\b(?:(?:proxy-)?authorization|x-[\w-]{0,40}?(?:token|key|secret|"
    r"signature)|(?:set-)?cookie(?=\\*['\"]?\s*:\s*\\*['\"]?[^\s=;'\"]{1,80}=))"
    r"\\*['\"]?\s*:\s*\\*['\"]?)(?P<value>[^\r\n'\"\\]+)"
)
_SCHEMED = _compiled(
    r"(?P<before>\b(?:bearer|basic) )"
    r"(?P<value>(?=[\w.~+/-]*(?:[0-9=]|(?-i:[a-z][A-Z])))[\w.~+/=-]{8,})"
)
# The forms of GitHub, GitLab, Hugging Face, AWS, Google, OpenAI, Slack; JSON web tokens
_SHAPE = re.compile(
    r"(?<![A-Za-z0-9])(?P<value>gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|"
    r"glpat-[\w-]{20,}|hf_[A-Za-z0-9]{20,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{35}|"
    r"sk-[\w-]{20,}|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?)"
)
_PRIVATE_KEY = re.compile(
    r"(?P<before>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?P<value>.*?)"
    r"(?=-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
    re.S,
)

_NO_SECRET_USERS = {"git", "hg", "anonymous", "ftp", "***"}
_NAMES_ARE_PUBLIC = ("ssh", "sftp", "scp", "rsync", "git+ssh", "ssh+git")
# Where a secret is, and what is none: env:NAME, $NAME, ${NAME}, {name}, %(name)s
_REFERENCE = re.compile(r"(?:env|file):|\$|%\(|\{|None$|null$|true$|false$", re.I)
_NUMBER = re.compile(r"[-+]?\d{1,5}(?:\.\d{0,6})?")
_PATH = re.compile(r"/|%2F|\.[a-z]\w{0,5}$", re.I)
_PROSE = {
    *("a", "an", "and", "are", "can", "does", "for", "from", "has", "in", "is"),
    *("may", "must", "needs", "not", "of", "or", "takes", "the", "to", "was", "with"),
}


def _user(found: re.Match[str]) -> bool:
    value, scheme = found["value"].lower(), found["before"].lower()
    if ":" in value or "%3a" in value:
        return True
    return value not in _NO_SECRET_USERS and not scheme.startswith(_NAMES_ARE_PUBLIC)


def _is_reference(found: re.Match[str]) -> bool:
    """Whether a value says where a secret is, or is the name of one."""
    value = found["value"]
    return bool(_REFERENCE.match(value)) or (
        value.isupper() and value.lower() in found["name"].lower()
    )


def _in_query(found: re.Match[str]) -> bool:
    value, name = found["value"], found["name"].lower()
    if "-" in name or name.startswith(("aws", "google")):
        return True
    return not (_NUMBER.fullmatch(value) or _PATH.search(value) or _is_reference(found))


def _option(found: re.Match[str]) -> bool:
    value = found["value"]
    if _NUMBER.fullmatch(value) and "-" in found["name"]:
        # --max-token 5
        return _password(found)
    prose = found["quote"] is None and value.rstrip(".").lower() in _PROSE
    return not (prose or _is_reference(found))


def _assigned(found: re.Match[str]) -> bool:
    if _NUMBER.fullmatch(found["value"]) and not _password(found):
        return False
    return not _is_reference(found)


def _said(found: re.Match[str]) -> bool:
    if not _assigned(found):
        return False
    value = found["value"]
    if _password(found) and ":" in found["before"]:
        return True
    drawn = (
        len(value) >= 8 and re.search(r"\d", value) and re.search("[a-z]", value, re.I)
    )
    return bool(drawn and not re.search(r"[./\s]", value))


def _password(found: re.Match[str]) -> bool:
    return bool(re.search("pass|pwd|secret", found["name"], re.I))


def _always(found: re.Match[str]) -> bool:
    return True


_NAMES = ("token", "secret", "pass", "sig", "cred", "key", "pwd", "auth", "jwt", "sas")
_IN_QUERIES = (*_NAMES, "policy", "session", "ticket", "googleaccessid")
_SHAPES = tuple("gh github_pat_ glpat- hf_ akia asia aiza sk- xox eyj".split())
# What a text must have for a rule to be tried, the rule, and what it then depends on.
_RULES = (
    (("private key",), _PRIVATE_KEY, _always),
    (("@",), _USER, _user),
    (("@",), _ODD_USER, _user),
    (("%40",), _ENCODED_USER, _user),
    (("authorization", "cookie", "x-"), _HEADER, _always),
    (("bearer", "basic"), _SCHEMED, _always),
    (_IN_QUERIES, _QUERY, _in_query),
    (("%3d",), _ENCODED_QUERY, _always),
    (("--",), _OPTION, _option),
    (_NAMES, _ASSIGNED, _assigned),
    (_NAMES, _KEYED, _assigned),
    (_NAMES, _SAID, _said),
    (_SHAPES, _SHAPE, _always),
)


def without_secrets(text: str) -> str:
    """Return text with ``***`` for what looks like a password, token or key.

    That is the user part of an address, the values of what is named token, signature,
    password and the like in its query, in options, assignments, mappings and headers,
    and what has the form of a well-known token. What names another place, such as
    ``--token env:NAME``, stays.
    """
    # Where one was masked, what is left may look like another.
    for _ in range(5):
        masked, lowered = text, text.lower()
        for hints, pattern, is_secret in _RULES:
            if any(hint in lowered for hint in hints):
                masked = pattern.sub(partial(_masked, is_secret), masked)
        if masked == text:
            break
        text = masked
    return text


def _masked(is_secret: Callable[[re.Match[str]], bool], found: re.Match[str]) -> str:
    if not is_secret(found):
        return found.group()
    return f"{found.string[found.start() : found.start('value')]}{MASK}"
