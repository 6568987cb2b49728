"""The instances of DANDI, and the keys for what they do not show to everybody.

The environment says what it says to the published client ``dandi``: ``DANDI_INSTANCE``
is the name of an instance or the address of an API. The key is ``DANDI_API_KEY``, of
other instances ``DANDI_SANDBOX_API_KEY`` and so on. It is sent to that API alone, and
written nowhere.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from brainsets.archives.transfer import shown
from brainsets.errors import DownloadError

__all__ = ["INSTANCES", "VARIABLE", "Instance", "chosen_instance"]

INSTANCES = {
    "dandi": "https://api.dandiarchive.org/api",
    "dandi-sandbox": "https://api.sandbox.dandiarchive.org/api",
    "ember-dandi": "https://api-dandi.emberarchive.org/api",
    "ember-dandi-sandbox": "https://api-dandi.sandbox.emberarchive.org/api",
    "linc": "https://api.lincbrain.org/api",
}
"""The addresses of APIs, by the names that the client ``dandi`` gives to instances."""

VARIABLE = "DANDI_INSTANCE"
"""The environment variable that names the instance."""

_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Instance:
    """An instance of DANDI.

    Parameters
    ----------
    url : str
        The address of its API.
    key_variable : str
        The environment variable that holds the key of an account there.
    headers : mapping
        What a request tells of the account; empty without a key.
    """

    url: str
    key_variable: str
    headers: Mapping[str, str] = field(repr=False)

    def refusal(self, error: DownloadError, what: str) -> DownloadError:
        """Return what to say of an error: `what` was asked for, and not given."""
        host, key = shown(self.url), self.key_variable
        if error.status == 404:
            text = f"{host} has no {what}."
        elif error.status == 410:
            text = f"{host} has no {what} any more: it was deleted."
        elif error.status in (401, 403) and not self.headers:
            text = (
                f"{host} does not show {what} to everybody (it is embargoed or "
                f"private); set the environment variable {key} to the key of an "
                "account that may read it."
            )
        elif error.status == 401:
            text = (
                f"{host} does not accept the key in {key}; copy it again from your "
                "account there, or unset it for what is public."
            )
        elif error.status == 403:
            text = f"{host} does not show {what} to the account of the key in {key}."
        else:
            return error
        refusal = DownloadError(text)
        refusal.status = error.status
        return refusal


def chosen_instance() -> Instance:
    """Return the instance that the environment names, by default the public one.

    Raises
    ------
    DownloadError
        It names none, or has a key that cannot be one or should not be sent there.
    """
    name = os.environ.get(VARIABLE, "").strip() or "dandi"
    url = INSTANCES.get(name, name).rstrip("/")
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url, re.I):
        raise DownloadError(
            f"{VARIABLE} is {shown(repr(name))}; give one of {', '.join(INSTANCES)}, "
            "or the address of an API that begins with https://."
        )
    known = name if name in INSTANCES else "dandi"
    key_variable = f"{known.upper().replace('-', '_')}_API_KEY"
    return Instance(url, key_variable, _headers(url, key_variable))


def _headers(url: str, key_variable: str) -> dict[str, str]:
    key = os.environ.get(key_variable, "").strip()
    if not key:
        return {}
    if not re.fullmatch("[!-~]+", key):
        raise DownloadError(
            f"{key_variable} holds what is no key: it has blanks or letters that keys "
            "do not have; copy it again, or unset it."
        )
    parts = urlsplit(url)
    if parts.scheme.lower() != "https" and parts.hostname not in _LOCAL:
        raise DownloadError(
            f"{key_variable} is set, but {shown(url)} is not encrypted, and the key is "
            f"not sent there; set {VARIABLE} to an address that begins with https://, "
            "or unset the key."
        )
    return {"Authorization": f"token {key}"}
