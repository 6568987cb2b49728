# Needs: uv, and the package index (or uv's cache).
# Leaves: _workflow/environment/, the interpreter that a pipeline declares.


rule build_environment:
    """Install what a pipeline declares, once, before anything of it is run."""
    output:
        ready=brainset_file("environment/ready.json"),
    log:
        brainset_file("logs/build_environment.log"),
    # Never on a cluster: nodes may have no network.
    localrule: True
    conda:
        "../../environment.yml"
    params:
        key=JOB.environment_key,
        python=lambda wildcards, output: sys.executable,
        script=lambda wildcards, output: SCRIPTS / "build_environment.py",
        pipeline=lambda wildcards, output: str(JOB.brainset(wildcards).source),
        catalog=lambda wildcards, output: json.dumps(SETTINGS.catalog),
        folder=lambda wildcards, output: JOB.brainset(wildcards).folder.root,
    message:
        "build the environment of {wildcards.brainset}"
    shell:
        "{params.python:q} {params.script:q} --pipeline {params.pipeline:q}"
        " --folder {params.folder:q} --catalog {params.catalog:q}"
        " > {log:q} 2>&1"
