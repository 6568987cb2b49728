"""What a pipeline wants known to whoever has its assets listed."""

from pathlib import Path

from brainsets.shared.text.lines import MAX_LINE_LENGTH, single_line

__all__ = ["NOTE", "listing_notes"]

NOTE = "[Note] "
"""Lines that ``get_manifest`` prints with this before them are shown as well."""

_MAX_LOG_BYTES = 1 << 20
_MAX_NOTES = 20


def listing_notes(log: Path) -> list[str]:
    """Return the notes in the log of the job that lists assets, each once."""
    try:
        with open(log, "rb") as file:
            text = file.read(_MAX_LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    found = [line for line in text.split("\n") if line.startswith(NOTE)]
    notes = [single_line(line[len(NOTE) :].strip(), MAX_LINE_LENGTH) for line in found]
    return [*dict.fromkeys(filter(None, notes))][:_MAX_NOTES]
