"""Prepares public neural recordings for machine learning.

What it does and how it is used: README.md. Every setting: config/README.md.
"""

import os
import sys

from snakemake.utils import min_version

min_version("9.27")

# The code that is checked out runs, whatever else is installed.
ROOT = os.path.normpath(workflow.current_basedir.path)
sys.path.insert(0, ROOT)


from brainsets.planning.snakemake_process import exit_on_user_error
from brainsets.sources.stored_folders import stored_folders

# Those of the folder of the run (--directory); where it has none, those beside the
# Snakefile, with the user's own folders of data.
CONFIG_FILE = "config/config.yaml"
GIVEN = {*config}
STORED = {}
if not os.path.lexists(CONFIG_FILE):
    CONFIG_FILE = f"{ROOT}/{CONFIG_FILE}"
    STORED = exit_on_user_error(stored_folders)


configfile: CONFIG_FILE


config.update({k: folder for k, folder in STORED.items() if k not in GIVEN})


include: "workflow/rules/common.smk"
include: "workflow/rules/environments.smk"
include: "workflow/rules/manifests.smk"
include: "workflow/rules/assets.smk"
include: "workflow/rules/batches.smk"
include: "workflow/rules/summaries.smk"


onstart:
    end_on_sigterm()
    lock_brainsets()


rule all:
    """Everything that is selected, of every brainset."""
    default_target: True
    input:
        *brainset_targets(),
    message:
        "all that is selected is done"
