"""What is said of arguments before a run: they work, but hardly as they were meant."""

import os
from collections.abc import Iterable, Iterator

from brainsets.planning.settings import Brainset
from brainsets.shared.inputs.arguments import literal_secrets
from brainsets.shared.text.names import spelled

__all__ = ["advice"]


def advice(brainsets: Iterable[Brainset]) -> Iterator[str]:
    """Yield sentences about secrets and relative paths among the arguments."""
    for brainset in brainsets:
        folder = brainset.folder_of_args
        for option, _ in literal_secrets(brainset.args, folder):
            yield (
                f"args of {brainset.id}: what follows {spelled(option)} looks like a "
                "secret, which everybody on this machine can see; put it into an "
                f"environment variable, and write {spelled(option)} env:NAME."
            )
        for argument in brainset.args if folder else ():
            path = argument.partition("=")[2] if argument[:1] == "-" else argument
            if _is_only_here(path, str(folder)):
                yield (
                    f"args of {brainset.id}: {spelled(path)} is in {os.getcwd()}, but "
                    f"relative paths start at the pipeline's folder, {folder}; give "
                    "the whole path if you mean that one."
                )


def _is_only_here(path: str, folder: str) -> bool:
    """Whether a relative path leads to something from here, but not from a folder."""
    looks_like_one = "/" in path or os.path.splitext(path)[1]
    if not looks_like_one or os.path.isabs(path) or "\0" in path:
        return False
    return os.path.exists(path) and not os.path.exists(os.path.join(folder, path))
