"""What OpenNeuro says of a dataset, asked by its interface in GraphQL.

Its fields are in https://docs.openneuro.org/api.html.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import urllib3.exceptions

from brainsets.archives.connections import open_session, time_outs_s
from brainsets.archives.downloads import wait_to_retry
from brainsets.archives.responses import PermanentError, TransientError, raise_for
from brainsets.archives.transfer import shown
from brainsets.errors import DownloadError

__all__ = ["API", "OpenNeuro", "description", "version_of_doi"]

API = "https://openneuro.org/crn/graphql"
"""Its address."""

_QUERY = (
    "query Versions($id: ID!) { dataset(id: $id) "
    "{ latestSnapshot { tag } snapshots { tag } } }"
)
_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_TEXTS = {
    "Name": "description",
    "DatasetDOI": "doi",
    "License": "license",
    "HowToAcknowledge": "citation",
    "BIDSVersion": "bids_version",
    "DatasetType": "dataset_type",
}


class OpenNeuro:
    """The interface of OpenNeuro.

    Parameters
    ----------
    url : str
        Its address.
    report : callable, optional
        Is given status texts.
    """

    def __init__(
        self, url: str = API, report: Callable[[str], object] | None = None
    ) -> None:
        self.url = url
        self._report = report or (lambda status: None)

    def versions(self, dataset: str) -> list[str]:
        """Return the published versions of a dataset, the newest last.

        Raises
        ------
        DownloadError
            There is no such dataset, it was never published, or OpenNeuro cannot be
            asked.
        """
        answer = self._ask(_QUERY, {"id": dataset})
        found = answer.get("dataset")
        if not isinstance(found, dict):
            raise DownloadError(
                f"OpenNeuro has no dataset {dataset!r} for everybody to read; its id "
                "is in its address, as in https://openneuro.org/datasets/ds005555."
            )
        listed = found.get("snapshots")
        tags = [_tag(each) for each in listed] if isinstance(listed, list) else []
        newest = _tag(found.get("latestSnapshot"))
        if not newest:
            raise DownloadError(f"OpenNeuro has published no version of {dataset!r}.")
        return [*(tag for tag in tags if tag and tag != newest), newest]

    def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        in_vain = 0
        with open_session() as session:
            while True:
                try:
                    return self._answer(session, query, variables)
                except TransientError as problem:
                    in_vain += 1
                    wait_to_retry(self.url, problem, in_vain, self._report)
                except PermanentError as problem:
                    error = DownloadError(f"{shown(self.url)}: {problem}")
                    error.status = problem.status
                    raise error from None

    def _answer(
        self, session: requests.Session, query: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            response = session.post(
                self.url,
                json={"query": query, "variables": variables},
                headers={"Accept": "application/json"},
                timeout=time_outs_s(),
            )
            content = response.content
        except _ERRORS as error:
            problem = TransientError(f"there is no connection ({shown(error)})")
            raise problem from None
        if response.status_code != 200:
            raise_for(response)
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        data = answer.get("data") if isinstance(answer, dict) else None
        if isinstance(data, dict):
            return data
        said = answer.get("errors") if isinstance(answer, dict) else None
        text = _message(said) or "it answers something that is no JSON of GraphQL"
        raise PermanentError(text)


def _tag(snapshot: Any) -> str:
    tag = snapshot.get("tag") if isinstance(snapshot, dict) else None
    return tag if isinstance(tag, str) else ""


def _message(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else None
    text = first.get("message") if isinstance(first, dict) else None
    return f"it answers: {shown(text)}" if isinstance(text, str) else ""


def description(path: Path, dataset: str, version: str) -> dict[str, str]:
    """Return what ``dataset_description.json`` of a version says of it.

    Parameters
    ----------
    path : Path
        The file; one that is not there, or is no JSON, says nothing.
    """
    try:
        said = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError):
        said = {}
    found = {
        "source": f"https://openneuro.org/datasets/{dataset}/versions/{version}",
        "origin_version": version,
        "dataset": dataset,
    }
    if isinstance(said, dict):
        authors = said.get("Authors")
        if isinstance(authors, list):
            found["authors"] = "; ".join(str(each) for each in authors)
        for key, name in _TEXTS.items():
            if isinstance(said.get(key), str) and said[key].strip():
                found[name] = said[key].strip()
    return {key: value for key, value in found.items() if value}


def version_of_doi(doi: str) -> str | None:
    """Return the version in a DOI of OpenNeuro; None if it is another one."""
    found = re.search(r"openneuro\.ds\d+\.v(\d+\.\d+\.\d+)\s*$", doi, re.IGNORECASE)
    return found[1] if found else None
