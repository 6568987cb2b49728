# Needs: the manifest, and the pipeline's environment; for brainsets with a batch_size.
# Leaves, per asset, what the rules of assets.smk leave. The outputs here only say that a
# job is over: those of a job that fails are deleted, and it fails if one asset does.


rule download_batch:
    """Fetch several recordings; those that fail do not keep the others from going on."""
    input:
        environment=environment_ready,
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
    threads: cores("download")
    resources:
        **site_resources("download"),
        downloads=1,
        mem_mb=memory("download"),
        runtime=minutes_of_batch("download"),
    params:
        assets=lambda wildcards, output: RUN.batch_members(wildcards),
        command=download_batch_command,
    message:
        "download {wildcards.brainset}, {params.assets}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule process_batch:
    """Turn several downloaded recordings into their files, one after the other."""
    input:
        environment=environment_ready,
        manifest=brainset_file("manifest.tsv"),
        downloaded=RUN.batch_downloads,
    output:
        done=brainset_file("batches/{batch}.DONE"),
    log:
        brainset_file("logs/process_batch/{batch}.log"),
    # Finish recordings that are on disk before starting more: disks fill otherwise.
    priority: 10
    conda:
        "../../environment.yml"
    threads: cores("process")
    resources:
        **site_resources("process"),
        mem_mb=memory("process"),
        runtime=minutes_of_batch("process"),
    params:
        assets=lambda wildcards, output: RUN.batch_members(wildcards),
        command=process_batch_command,
    message:
        "process {wildcards.brainset}, {params.assets}"
    shell:
        "{params.command} > {log:q} 2>&1"
