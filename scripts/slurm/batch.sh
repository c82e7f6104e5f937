#!/bin/bash
# A cohort as a Slurm array: each task is one shard. A task that is requeued goes on where it stopped.
#
# Usage: sbatch --array=1-N scripts/slurm/batch.sh INPUT MODEL OUT [OPTION...]
#        ulite batch --merge OUT        (when all have ended)
#SBATCH --job-name=ulite
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '4,5s/^# //p' "$0" >&2
    exit 2
fi
input=$1 model=$2 out=$3
shift 3
# srun passes SIGTERM on at once, so that a case that runs ends before the time limit does.
exec srun ulite batch "$input" -m "$model" -o "$out" --threads "${SLURM_CPUS_PER_TASK:-1}" --progress never "$@"
