"""Any mixture of containers and defects: converted, or left out for a true reason."""

import tempfile
import warnings
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from brainsets.conversion.nwb import KINDS, look, open_nwb, read_nwb
from brainsets.pipeline import SkipAsset
from tests.helpers.nwb_agreement import check_agreement
from tests.helpers.nwb_damages import damage
from tests.helpers.nwb_draws import Draw
from tests.helpers.nwb_makers import MAKERS, new_file, write


@settings(
    max_examples=60,
    deadline=None,
    # What a mixture is made of is noted; making it smaller would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_any_mixture_is_converted_or_left_out(data):
    draw = Draw(data)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "a.nwb"
        made = new_file(draw)
        makers = data.draw(st.lists(st.sampled_from(MAKERS), min_size=1, max_size=5))
        for number, make in enumerate(makers):
            make(made, draw, f"n{number}")
        note([make.__name__ for make in makers])
        write(made, path)
        note(damage(path, draw, data.draw(st.integers(0, 3))))
        with open_nwb(path) as file:
            look(file)
            try:
                recording = read_nwb(file, id="x", signals=KINDS)
            except SkipAsset as reason:
                assert str(reason)
                return
            check_agreement(path, recording)
