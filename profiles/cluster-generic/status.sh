#!/bin/sh
# Prints how a job of SLURM is: running, success or failed.
#
# A controller that does not answer says nothing about the job, so it still runs; of a
# job that it has forgotten nobody knows that it went well.
state=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1)
case "$state" in
    COMPLETED) echo success ;;
    *"Invalid job id"*) echo failed ;;
    *CANCELLED* | *FAIL* | *DEADLINE* | *OUT_OF_ME* | *PREEMPTED* | *TIMEOUT*) echo failed ;;
    *) echo running ;;
esac
