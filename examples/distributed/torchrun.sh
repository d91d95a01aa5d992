#!/bin/bash
# Trains with torchrun, which must be that of PyTorch 2.13 (its store and libtorch's speak to each other), on one machine or several.
#
#   examples/distributed/torchrun.sh DATA CLIP_WEIGHTS RUN [options of uafer train]
#
# On several machines, run it on each with NNODES (machines), NODE_RANK (of this one, from 0), MASTER_ADDR (the first one's name) and MASTER_PORT set.
# PROCESSES is how many a machine starts: as many as it has GPUs. The same command with the same RUN goes on with a run that was ended.
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

exec ${TORCHRUN:-torchrun} --no-python \
  --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" --nproc-per-node "${PROCESSES:-2}" \
  --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${MASTER_PORT:-29500}" \
  ${UAFER:-npx uafer} train "${settings[@]}" "$@"
