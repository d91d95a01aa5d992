#!/bin/bash
#SBATCH --job-name=uafer
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@180
# Trains on two machines of eight GPUs each; the run folder must lie where all machines see it.
#
#   sbatch examples/distributed/slurm.sh DATA CLIP_WEIGHTS RUN [options of uafer train]
#
# One task is one process with a GPU of its own. --batch-size is that of all together. Three minutes before the time is up Slurm sends SIGTERM, at which
# the run ends with a checkpoint; a job that is queued again, or submitted again with the same RUN, goes on.
set -euo pipefail

data=$1
clip=$2
run=$3
shift 3

if [ -f "$run/config.yaml" ]; then
  settings=(--resume "$run")
else
  settings=(--dataset rafdb --data-path "$data" --clip-path "$clip" --out "$run")
fi

srun --kill-on-bad-exit=1 ${UAFER:-npx uafer} train "${settings[@]}" "$@"
