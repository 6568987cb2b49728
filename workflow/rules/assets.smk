# Needs: the manifest, and the pipeline's environment.
# Leaves, per asset: _workflow/status/<asset>.DOWNLOADED and .DONE (or .FAILED), logs, and
# the asset's files in the brainset's folder. Raw and processed files are no outputs of
# rules: Snakemake deletes the outputs of a job that fails.


rule download_asset:
    """Fetch one recording, and hand what the pipeline returned on to process_asset."""
    input:
        download_needs,
    output:
        downloaded=brainset_file("status/{asset}.DOWNLOADED"),
    log:
        brainset_file("logs/download_asset/{asset}.log"),
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
        runtime=minutes("download"),
    params:
        row=row_hash,
        args=pipeline_args,
        asset=asset_shown,
        reason=asset_reason,
        command=download_command,
    message:
        "download {wildcards.brainset} {params.asset} ({params.reason})"
    shell:
        "{params.command} > {log:q} 2>&1"


rule process_asset:
    """Turn one downloaded recording into its files, published only when whole."""
    input:
        environment=environment_ready,
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
    threads: cores("process")
    resources:
        **site_resources("process"),
        mem_mb=memory("process"),
        runtime=minutes("process"),
    params:
        row=row_hash,
        code=pipeline_code,
        args=pipeline_args,
        asset=asset_shown,
        reason=asset_reason,
        command=process_command,
    message:
        "process {wildcards.brainset} {params.asset} ({params.reason})"
    shell:
        "{params.command} > {log:q} 2>&1"
