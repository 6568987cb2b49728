"""Names of parts and columns: none that temporaldata has for itself, none twice."""

import pytest
import temporaldata
from hypothesis import given
from hypothesis import strategies as st

from brainsets.conversion.names import (
    RESERVED_COLUMNS,
    RESERVED_PARTS,
    column_name,
    part_names,
    snake_case,
)

OF_COLUMNS = (
    temporaldata.ArrayDict,
    temporaldata.Interval,
    temporaldata.IrregularTimeSeries,
    temporaldata.RegularTimeSeries,
)


def public(*classes):
    return {name for one in classes for name in dir(one) if not name.startswith("_")}


def test_all_that_temporaldata_has_is_reserved():
    assert public(*OF_COLUMNS) | {"start", "end", "timestamps"} <= RESERVED_COLUMNS
    assert public(temporaldata.Data) <= RESERVED_PARTS


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ElectricalSeries", "electrical_series"),
        ("DfOverF", "df_over_f"),
        ("LFP", "lfp"),
        ("goCue", "go_cue"),
        ("test_eS", "test_es"),
        ("H-129: 64", "h_129_64"),
        ("FIP_rising_time", "fip_rising_time"),
        ("2nd", "series_2nd"),
        ("", "series"),
        ("\N{MICRO SIGN}", "series"),
        ("class", "class_"),
    ],
)
def test_names_in_snake_case(text, name):
    assert snake_case(text) == name


@given(st.lists(st.text(), max_size=8))
def test_columns_have_names_that_differ_and_fit(texts):
    names = []
    for text in texts:
        names.append(column_name(text, names))
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name[0] != "_" for name in names)
    assert not RESERVED_COLUMNS & set(names)


@given(st.lists(st.text("aB_/ ", min_size=1), unique=True, max_size=8))
def test_parts_have_names_that_differ(paths):
    candidates = {}
    for path in paths:
        words = path.split("/")
        ends = [snake_case("_".join(words[i:])) for i in range(len(words))]
        candidates[path] = ends[::-1]
    names = part_names(candidates)
    assert names.keys() == candidates.keys()
    assert len(set(names.values())) == len(names)
