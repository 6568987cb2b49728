"""A stand-in of OpenNeuro's GraphQL service: one query about one dataset at a time."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.helpers.parity.stand_in import Request, Response

__all__ = ["OpenNeuro"]

HOST = "openneuro.org"
GRAPHQL_PATH = "/crn/graphql"


class OpenNeuro:
    """What OpenNeuro knows of some datasets.

    Parameters
    ----------
    datasets
        The object ``dataset`` of the GraphQL schema for each id.
    """

    def __init__(self, datasets: Mapping[str, Mapping[str, Any]]) -> None:
        self._datasets = datasets

    @property
    def hosts(self) -> dict[str, Callable[[Request], Response]]:
        """The one host of the service."""
        return {HOST: self._service}

    def _service(self, request: Request) -> Response:
        if (request.method, request.path) != ("POST", GRAPHQL_PATH):
            return Response(404)
        answer = json.dumps(self._answer(json.loads(request.body))).encode()
        kind = {"Content-Type": "application/json; charset=utf-8"}
        return Response(200, answer, kind)

    def _answer(self, asked: Mapping[str, Any]) -> dict:
        # Arguments are one id, given as a variable.
        wanted = _selection(re.sub(r"\([^)]*\)", "", asked["query"]))
        root = {"dataset": self._datasets.get(asked["variables"]["datasetId"])}
        try:
            return {"data": _select(root, wanted)}
        except KeyError as error:
            message = f"Cannot query field {error}"
            return {"errors": [{"message": message}], "data": None}


def _selection(query: str) -> dict:
    """Return the fields of a query, each with those it is asked for: ``{"a": {}}``."""
    stack = [{}]
    name = None
    for token in re.findall(r"\w+|[{}]", query[query.index("{") :]):
        if token == "{":
            stack.append(stack[-1][name] if name else stack[-1])
        elif token == "}":
            stack.pop()
        else:
            name = token
            stack[-1][name] = {}
    return stack[0]


def _select(value: Any, wanted: Mapping[str, Any]) -> Any:
    if not wanted or value is None:
        return value
    return {name: _select(value[name], inner) for name, inner in wanted.items()}
