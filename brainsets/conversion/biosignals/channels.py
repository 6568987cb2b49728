"""What kind of signal a channel is, as far as its label says so.

A channel of which nothing is known is ``misc``: were it taken for EEG, what a model is
to predict might be among what it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["channel_types", "unique_ids"]

# Words of a label, in the order in which they decide.
_WORDS = {
    "stim": "status trigger trig dtrig sti stim stimulus event events marker markers",
    "eog": "eog heog veog leog reog ieog loc roc eogl eogr",
    "ecg": "ecg ekg ecg1 ecg2 ekg1 ekg2",
    "emg": "emg emg1 emg2 emg3 submental",
    "eeg": "eeg",
    "ieeg": "seeg ecog ieeg",
    "meg": "meg",
    "resp": "resp respiration airflow flow thor thorax abdo abdomen abdominal nasal",
    "temp": "temp temperature",
    "spo2": "sao2 spo2",
    "ppg": "pleth plet ppg",
    "bp": "abp pap cvp art bp",
    "gsr": "gsr eda gsr1",
    "light": "light",
    "sound": "sound",
}
_ECG_LEAD = re.compile(
    r"(MLI{1,3}|MCL\d?|CM\d|I{1,3}|aV[RLF]|V[1-9]?|[XYZ]|CS\d+|D\d)\+?", re.IGNORECASE
)
_VOLTS = "V"
# Electrodes of the international 10-10 system, and older names of T7, T8, P7 and P8.
_SITES = {
    *"NZ FPZ AFZ FZ FCZ CZ CPZ PZ POZ OZ IZ T3 T4 T5 T6 FP1 FP2 O1 O2".upper().split(),
    *(f"AF{n}" for n in (3, 4, 7, 8)),
    *(f"PO{n}" for n in (3, 4, 7, 8)),
    *(f"{row}{n}" for row in ("F", "FC", "C", "CP", "P") for n in range(1, 9)),
    *(f"{row}{n}" for row in ("F", "FT", "T", "TP", "P") for n in (7, 8, 9, 10)),
}
_REFERENCES = {
    *("A1", "A2", "M1", "M2", "REF", "LE", "AR", "AVG", "AV", "CS2", "A1A2", "M1M2"),
}
_NUMBERED = re.compile(r"([A-Z]+'?)(\d+)")


def _sites(label: str) -> list[str]:
    """Return the electrodes of a label, such as ``Fc5.``, ``C3-M2`` or ``P7-T7``."""
    return [part.strip(" .") for part in label.upper().split("-")]


def _names_scalp(label: str) -> bool:
    first, *others = _sites(label)
    return first in _SITES and len(others) < 2 and {*others} <= _SITES | _REFERENCES


def _has_shafts(labels: Iterable[str]) -> bool:
    """Whether some row of names, such as C1 to C12, is that of a depth electrode."""
    found: dict[str, list[bool]] = {}
    for label in labels:
        matched = _NUMBERED.fullmatch(_sites(label)[0])
        if matched:
            known = matched[0] in _SITES | _REFERENCES
            found.setdefault(matched[1], []).append(known)
    return any(any(known) and not all(known) for known in found.values())


def _by_words(label: str) -> str:
    words = re.split(r"[^a-z0-9]+", label.lower())
    # "REF_EEG" is not EEG; "ECG ECG" is ECG.
    if "ref" in words and words[0] == "ref":
        return ""
    for kind, known in _WORDS.items():
        if {*known.split()} & {*words}:
            return kind
    return ""


def channel_types(
    labels: Sequence[str], units: Sequence[str], *, leads: bool = False
) -> list[str]:
    """Return the type of each channel of a file.

    Parameters
    ----------
    labels : sequence of str
        As the file has them. A word such as ``EEG`` says what a channel is; so does the
        name of an electrode of the 10-10 system, or of two, if it is in volts and no
        names of the file are those of depth electrodes.
    units : sequence of str
        SI units, where they are known.
    leads : bool, optional
        Whether ``I``, ``V5`` or ``aVR`` are leads of an electrocardiogram.

    Returns
    -------
    list of str
        ``eeg``, ``eog``, ``ecg``, ``emg``, ``resp`` and so on; ``stim`` for triggers;
        ``misc`` where the label does not say it.
    """
    scalp = not _has_shafts(labels)
    found = []
    for label, unit in zip(labels, units):
        kind = _by_words(label)
        if not kind and unit == _VOLTS:
            if leads and _ECG_LEAD.fullmatch(label.strip()):
                kind = "ecg"
            elif scalp and _names_scalp(label):
                kind = "eeg"
        found.append(kind or "misc")
    return found


def unique_ids(labels: Sequence[str]) -> list[str]:
    """Return labels that differ: ``T8-P8`` and ``T8-P8 (2)``."""
    taken = set(labels)
    met: set[str] = set()
    found = []
    for number, label in enumerate(labels, start=1):
        name = label or f"channel {number}"
        again = 1
        while name in met or (name != label and name in taken):
            again += 1
            name = f"{label or f'channel {number}'} ({again})"
        met.add(name)
        found.append(name)
    return found
