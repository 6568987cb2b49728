# Needs: the manifest, and the pipeline's environment.
# Leaves, per asset: _workflow/status/<asset>.DOWNLOADED and .DONE (or .FAILED), logs, and
# the asset's files in the brainset's folder. Raw and processed files are no outputs of
# rules: Snakemake deletes the outputs of a job that fails.


rule download_asset:
    """Fetch one recording, and hand what the pipeline returned on to process_asset."""
    input:
        JOB.download_needs,
    output:
        downloaded=brainset_file("status/{asset}.DOWNLOADED"),
    log:
        brainset_file("logs/download_asset/{asset}.log"),
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
        runtime=JOB.minutes("download"),
    params:
        row=JOB.row_hash,
        args=JOB.args,
        asset=JOB.asset,
        reason=JOB.reason,
        command=JOB.asset_command("download_asset", "download"),
    message:
        "download {wildcards.brainset} {params.asset} ({params.reason})"
    shell:
        "{params.command} > {log:q} 2>&1"


rule process_asset:
    """Turn one downloaded recording into its files, published only when whole."""
    input:
        environment=JOB.environment,
        manifest=brainset_file("manifest.tsv"),
        downloaded=brainset_file("status/{asset}.DOWNLOADED"),
    output:
        done=brainset_file("status/{asset}.DONE"),
    log:
        brainset_file("logs/process_asset/{asset}.log"),
    # Finish recordings that are on disk before starting more: disks fill otherwise.
    priority: 10
    conda:
        "../../environment.yml"
    threads: JOB.threads("process")
    resources:
        **JOB.other_resources("process"),
        mem_mb=JOB.mem_mb("process"),
        runtime=JOB.minutes("process"),
    params:
        row=JOB.row_hash,
        code=JOB.code,
        args=JOB.args,
        asset=JOB.asset,
        reason=JOB.reason,
        command=JOB.asset_command("process_asset", "process"),
    message:
        "process {wildcards.brainset} {params.asset} ({params.reason})"
    shell:
        "{params.command} > {log:q} 2>&1"
