# Needs: every selected asset of the brainset DONE.
# Leaves: _workflow/summary.tsv, a line per asset.


rule summarize_brainset:
    """Gather sizes, times and memory of all assets in one table."""
    input:
        manifest=brainset_file("manifest.tsv"),
        done=lambda wildcards: JOB.summarized(wildcards, checkpoints),
    output:
        summary=brainset_file("summary.tsv"),
    log:
        brainset_file("logs/summarize_brainset.log"),
    # Never on a cluster: it takes no time.
    localrule: True
    conda:
        "../../environment.yml"
    params:
        python=lambda wildcards, output: sys.executable,
        script=lambda wildcards, output: SCRIPTS / "summarize_brainset.py",
        folder=lambda wildcards, output: JOB.brainset(wildcards).folder.root,
    message:
        "summarize {wildcards.brainset}"
    shell:
        "{params.python:q} {params.script:q} --folder {params.folder:q} > {log:q} 2>&1"
