# Needs: the manifest, and the pipeline's environment; for brainsets with a batch_size.
# Leaves, per asset, what the rules of assets.smk leave. The outputs here only say that a
# job is over: those of a job that fails are deleted, and it fails if one asset does.


rule download_batch:
    """Fetch several recordings; those that fail do not keep the others from going on."""
    input:
        environment=JOB.environment,
        manifest=brainset_file("manifest.tsv"),
    output:
        downloaded=brainset_file("batches/{batch}.DOWNLOADED"),
    log:
        brainset_file("logs/download_batch/{batch}.log"),
    # Compute nodes often have no network.
    localrule: DOWNLOADS_ON_HEAD
    conda:
        "../../environment.yml"
    # Waiting for an archive takes no core: what limits downloads is their own resource.
    threads: JOB.threads("download")
    resources:
        **JOB.other_resources("download"),
        downloads=1,
        mem_mb=JOB.mem_mb("download"),
        runtime=JOB.minutes_of_batch("download"),
    params:
        assets=JOB.batch_members,
        command=JOB.batch_command("download_batch", "download"),
    message:
        "download {wildcards.brainset}, {params.assets}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule process_batch:
    """Turn several downloaded recordings into their files, one after the other."""
    input:
        environment=JOB.environment,
        manifest=brainset_file("manifest.tsv"),
        downloaded=JOB.batch_downloads,
    output:
        done=brainset_file("batches/{batch}.DONE"),
    log:
        brainset_file("logs/process_batch/{batch}.log"),
    # Finish recordings that are on disk before starting more: disks fill otherwise.
    priority: 10
    conda:
        "../../environment.yml"
    threads: JOB.threads("process")
    resources:
        **JOB.other_resources("process"),
        mem_mb=JOB.mem_mb("process"),
        runtime=JOB.minutes_of_batch("process"),
    params:
        assets=JOB.batch_members,
        command=JOB.batch_command("process_batch", "process"),
    message:
        "process {wildcards.brainset}, {params.assets}"
    shell:
        "{params.command} > {log:q} 2>&1"
