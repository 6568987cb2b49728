"""Manifests for tests: any that a pipeline could list, written as a job does."""

from pathlib import Path

import pandas as pd
from hypothesis import strategies as st

from brainsets.jobs import listing
from brainsets.shared.manifest import find_row, read_manifest

# Time says nothing here: the machine may be busy with whole runs of Snakemake.

COLUMN_NAMES = [
    "class",
    "my col",
    "Index",
    "_x",
    "plain",
    "plain",
    "count",
    "é",
    "a\tb",
    "",
    "\ud800",
    0,
    7,
    None,
    1.5,
    ("a", "b"),
]
ZONED = st.datetimes(
    min_value=pd.Timestamp("1970-01-01").to_pydatetime(),
    max_value=pd.Timestamp("2030-01-01").to_pydatetime(),
).map(lambda moment: pd.Timestamp(moment, tz="UTC").tz_convert("Europe/Paris"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
OBJECTS = st.one_of(
    TEXTS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.just(pd.NA),
    ZONED,
    st.dates(),
    st.builds(Path, TEXTS.filter(lambda text: "\0" not in text)),
    st.lists(st.integers(), max_size=2).map(tuple),
    st.dictionaries(st.integers() | TEXTS, st.none() | st.floats(), max_size=2),
)
# What a column holds, by the dtype that pandas is asked for.
COLUMNS = {
    "object": OBJECTS,
    "str": TEXTS,
    "string": TEXTS | st.none(),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "int8": st.integers(-128, 127),
    "Int64": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "float64": st.floats(),
    "float32": st.floats(width=32),
    "bool": st.booleans(),
    "boolean": st.booleans() | st.none(),
    "datetime64[ns, Europe/Paris]": ZONED | st.none(),
    "datetime64[ns]": ZONED.map(lambda moment: moment.tz_localize(None)) | st.none(),
    "category": TEXTS | st.none(),
}
IDS = {
    "text": st.text(st.characters(), min_size=1, max_size=8).filter("nan".__ne__),
    "object": st.text(st.characters(), min_size=1, max_size=8).filter("nan".__ne__),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "Int64": st.integers(0, 2**40),
    "timestamps": ZONED,
}


@st.composite
def frames(draw):
    """Return a DataFrame such as a pipeline could list."""
    kind = draw(st.sampled_from([*IDS, "range"]))
    if kind == "range":
        index = pd.RangeIndex(draw(st.integers(0, 5)), name=draw(NAMES))
    else:
        values = draw(st.lists(IDS[kind], unique=True, max_size=5))
        dtype = kind if kind in ("object", "int64", "Int64") else None
        index = pd.Index(values, dtype=dtype, name=draw(NAMES))
    count = len(index)
    titles = draw(st.lists(st.sampled_from(COLUMN_NAMES), max_size=5))
    columns = []
    for _ in titles:
        dtype = draw(st.sampled_from(list(COLUMNS)))
        values = draw(st.lists(COLUMNS[dtype], min_size=count, max_size=count))
        columns.append(pd.Series(values, index=index, dtype=dtype))
    frame = pd.DataFrame(dict(enumerate(columns)), index=index)
    frame.columns = pd.Index(titles, dtype=object, tupleize_cols=False)
    return frame


NAMES = st.none() | st.sampled_from(["session", "my id", "a\tb", 3])


def write(folder, frame):
    """Write a manifest as the job does; return the path of the table."""
    columns, lines, assets = listing.table(frame)
    path = folder / "manifest.tsv"
    listing._write(path, {"columns": columns}, lines)
    return path, assets


def rows_read(path):
    """Return all rows of a written manifest, in the order of the table."""
    manifest = read_manifest(path)
    return [find_row(path, name).row() for name in manifest.names.values()]
