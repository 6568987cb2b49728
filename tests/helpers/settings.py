"""Settings as text, read as a run reads them."""

import yaml

from brainsets.planning.settings import read_settings

SHIPPED = "rokem_grasshopper_auditory_2006"


def read(text, **options):
    return read_settings(yaml.safe_load(text) or {}, **options)


def only(settings):
    (brainset,) = settings.brainsets.values()
    return brainset
