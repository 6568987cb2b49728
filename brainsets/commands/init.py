"""``brainsets init``: a folder of one's own, from which the installed workflow runs."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from brainsets.commands.configured import ROOT
from brainsets.errors import SettingsError
from brainsets.shared.files import write_atomically

__all__ = ["add_parser"]

_TEMPLATES = ROOT / "brainsets" / "templates"
_EXAMPLE = "rokem_grasshopper_auditory_2006"
# The pipeline of the guide, as the guide names it.
_GUIDE_ID, _GUIDE_TEST = "my_arithmetic_eeg", "TestArithmeticEEG"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "init",
        help="make a project folder",
        description="Make a folder with settings, a Snakefile and profiles, in which "
        "'snakemake --cores 4' works as in a clone. Files that are there are kept.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("."),
        help="the folder; the current one by default",
    )
    parser.add_argument(
        "--pipeline",
        metavar="NAME",
        help="also make a pipeline of this name, as author_topic_year, with a test: "
        "that of the guide, which fetches EEG from PhysioNet, to be changed into yours",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    name, folder = options.pipeline, options.folder
    if name is not None and not _NAME.fullmatch(name):
        raise SettingsError(
            f"--pipeline {name!r}: a name has small letters, digits and single "
            "underscores, and begins with a letter, as in author_topic_year."
        )
    if (folder / "workflow/Snakefile").exists() and not (folder / "Snakefile").exists():
        raise SettingsError(
            f"{folder} has a workflow of its own (workflow/Snakefile), whose place a "
            "Snakefile beside it would take; name another folder, or include "
            "brainsets_workflow.SNAKEFILE in that one."
        )
    made, kept = [], []
    for path, content, mode in _files(name):
        target = folder / path
        if target.exists() or target.is_symlink():
            kept.append(path)
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, content)
            target.chmod(mode)
        except OSError as error:
            raise SettingsError(
                f"{target} cannot be made: {error.strerror}; name another folder."
            ) from error
        made.append(path)
    for path in made:
        print(f"made {folder / path}")
    for path in kept:
        print(f"kept {folder / path}, which was there")
    if Path("Snakefile") in kept and not _is_ours(folder / "Snakefile"):
        print(f"{folder / 'Snakefile'} is another workflow's: snakemake runs that")
        print("one; it can include brainsets_workflow.SNAKEFILE, see the documents.")
        return 0
    if name is not None and Path("config/config.yaml") in kept:
        print(f"Add to 'brainsets' in config/config.yaml: pipelines/{name}")
    into = "" if folder.resolve() == Path.cwd() else f"cd {folder}, then "
    print(f"Next: {into}snakemake -n, and snakemake --cores 4")
    if name is not None:
        print(f"To test the pipeline: python -m pytest {folder}/pipelines/{name}")
    return 0


def _is_ours(snakefile: Path) -> bool:
    try:
        text = snakefile.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    # That of a clone includes rules; all others, the installed workflow.
    return "brainsets_workflow" in text or "workflow/rules/common.smk" in text


def _files(name: str | None) -> Iterator[tuple[Path, bytes, int]]:
    """Yield path, content and permissions of each file of a project folder."""
    listed = f"pipelines/{name}" if name else _EXAMPLE
    config = (_TEMPLATES / "project" / "config.yaml").read_text(encoding="utf-8")
    config = config.replace("BRAINSET", listed)
    yield Path("config/config.yaml"), config.encode(), 0o644
    for source, target in (("Snakefile", "Snakefile"), ("gitignore", ".gitignore")):
        yield Path(target), (_TEMPLATES / "project" / source).read_bytes(), 0o644
    for file in sorted((ROOT / "profiles").glob("*/*")):
        # What is installed may not be writable; a project's own files are.
        mode = 0o755 if file.suffix == ".sh" else 0o644
        yield file.relative_to(ROOT), file.read_bytes(), mode
    if name is not None:
        for file in sorted((_TEMPLATES / "pipeline").iterdir()):
            text = file.read_text(encoding="utf-8").replace(_GUIDE_ID, name)
            title = "".join(map(str.capitalize, name.split("_")))
            text = text.replace(_GUIDE_TEST, f"Test{title}")
            path = Path("pipelines") / name / file.name.removesuffix(".txt")
            yield path, text.encode(), 0o644
