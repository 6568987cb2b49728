"""Arguments that pipelines of archives have in common, and what they ask for."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable

from brainsets.conversion.parts import Recording
from brainsets.conversion.splits import FRACTIONS, GAP_S, MODES, split, split_by_key

__all__ = [
    "add_choice_argument",
    "add_rename_argument",
    "add_repeat_arguments",
    "add_split_arguments",
    "fractions",
    "new_name",
    "seconds",
    "split_as_asked",
    "text_like",
]


def text_like(pattern: str, form: str) -> Callable[[str], str]:
    """Return a function that takes an argument of a form, and refuses others."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ArgumentTypeError(f"{text!r} is none; give {form}")
        return text

    return read


def new_name(text: str) -> tuple[str, str]:
    """Read ``OLD=NEW``."""
    old, equals, new = text.rpartition("=")
    if not (old and equals and re.fullmatch(r"[A-Za-z]\w*", new, re.ASCII)):
        raise ArgumentTypeError(
            f"{text!r} gives no new name; write OLD=NEW, where NEW has letters, digits "
            "and _ and begins with a letter"
        )
    return old, new


def fractions(text: str) -> tuple[float, ...]:
    """Read three shares that are one together."""
    try:
        shares = tuple(map(float, text.split(",")))
        split_by_key("", shares)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} are not three shares that are one together, as in 0.8,0.1,0.1"
        ) from None
    return shares


def seconds(text: str) -> float:
    """Read a number of seconds that is not negative."""
    if not re.fullmatch(r"\d{1,9}(\.\d*)?", text, re.ASCII):
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return float(text)


def add_choice_argument(parser: ArgumentParser, option: str, help: str) -> None:
    """Add an option that takes a glob and may be given several times."""
    parser.add_argument(
        option,
        metavar="GLOB",
        action="append",
        default=[],
        help=f"take only {help}; may be given several times",
    )


def add_rename_argument(parser: ArgumentParser, where: str = "") -> None:
    """Add ``--rename OLD=NEW``; `where` says what the old name is."""
    parser.add_argument(
        "--rename",
        metavar="OLD=NEW",
        type=new_name,
        action="append",
        default=[],
        help=f"give a part another name; {where}may be given several times",
    )


def add_split_arguments(parser: ArgumentParser) -> None:
    """Add ``--split``, ``--fractions``, ``--gap`` and ``--seed``."""
    parser.add_argument(
        "--split",
        choices=MODES,
        default="time",
        help="what is for training, validation and tests: parts of each recording by "
        "time, or whole recordings by their subject or session (default: %(default)s)",
    )
    parser.add_argument(
        "--fractions",
        metavar="LIST",
        type=fractions,
        default=FRACTIONS,
        help="shares of training, validation and tests "
        f"(default: {','.join(f'{share:g}' for share in FRACTIONS)})",
    )
    parser.add_argument(
        "--gap",
        metavar="S",
        type=seconds,
        default=GAP_S,
        help="seconds between the parts of a recording (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="another number gives another division by subject or session "
        "(default: %(default)s)",
    )


def add_repeat_arguments(parser: ArgumentParser, but: str = "") -> None:
    """Add ``--redownload`` and ``--reprocess``; `but` says what is not fetched anew."""
    parser.add_argument(
        "--redownload", action="store_true", help=f"fetch raw files anew{but}"
    )
    parser.add_argument("--reprocess", action="store_true", help="write outputs anew")


def split_as_asked(
    recording: Recording, args: Namespace, *, subject: str, session: str
) -> None:
    """Divide a recording as `add_split_arguments` have it, and say how in it."""
    recording.splits, how = split(
        args.split,
        recording.domain,
        subject=subject,
        session=session,
        fractions=args.fractions,
        gap=args.gap,
        seed=args.seed,
    )
    recording.session = {**recording.session, "split": how}
