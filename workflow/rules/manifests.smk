# Needs: the pipeline, its environment, and most often its archive.
# Leaves: _workflow/manifest.tsv and manifest.schema.json, the list of assets.


checkpoint write_manifest:
    """List the assets; all else follows from this table."""
    input:
        environment=JOB.environment_to_list,
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
        code=JOB.code,
        args=JOB.args,
        reason=JOB.listing_reason,
        command=JOB.listing_command("write_manifest"),
    message:
        "list the assets of {wildcards.brainset} ({params.reason})"
    shell:
        "{params.command} > {log:q} 2>&1"
