#!/usr/bin/env bash
# One sweep on the nodes of a Slurm job: sbatch cluster/deploy/slurm.sh adult.toml
# Change: the #SBATCH lines, QUINTAIN (the environment, on a disk that all nodes see), and where the
# records go: a disk of this node, or PostgreSQL; SQLite is not safe on a network file system.
#SBATCH --job-name=quintain
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

spec=${1:?usage: sbatch cluster/deploy/slurm.sh SPEC.toml}
quintain=${QUINTAIN:-$HOME/quintain/.venv/bin}
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))
export RAY_ADDRESS=$head:$port RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=180

# a token of this job alone; without one whoever is on these nodes could use the cluster
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$("$quintain/python" -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

# the driver hears of the end two minutes before it comes, and keeps what is finished:
# quintain resume goes on in another job
srun "$quintain/ray" symmetric-run --address "$RAY_ADDRESS" --min-nodes "$SLURM_NNODES" \
  --num-cpus "$SLURM_CPUS_PER_TASK" -- \
  "$quintain/quintain" run "$spec" --address "$RAY_ADDRESS" &
trap 'kill -TERM $!; wait $!' TERM
wait $!
