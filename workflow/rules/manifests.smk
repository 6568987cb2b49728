# Needs: the pipeline, its environment, and most often its archive.
# Leaves: _workflow/manifest.tsv and manifest.schema.json, the list of assets.


checkpoint write_manifest:
    """List the assets; all else follows from this table."""
    input:
        environment=environment_to_list,
    output:
        # update(): if the archive cannot be reached, the old list stays.
        manifest=update(brainset_file("manifest.tsv")),
        schema=update(brainset_file("manifest.schema.json")),
    log:
        brainset_file("logs/write_manifest.log"),
    # Never on a cluster: nodes may have no network.
    localrule: True
    conda:
        "../../environment.yml"
    params:
        code=pipeline_code,
        args=pipeline_args,
        reason=lambda wildcards, output: RUN.listing_reason(wildcards),
        command=listing_command,
    message:
        "list the assets of {wildcards.brainset} ({params.reason})"
    shell:
        "{params.command} > {log:q} 2>&1"
