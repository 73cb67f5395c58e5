#!/usr/bin/env bash
# What a job of slurm.sh runs: hybridret_jax.main in all its processes.
#
#   sbatch ... launch/slurm_job.sh gpu|node FILE|-|cell FLAGS
#
# Of FILE it takes the line of its place in the array, from 0; with `cell`, that
# place is the cell of a study.
set -euo pipefail
# sbatch runs a copy of this file, which lies elsewhere.
cd "$SLURM_SUBMIT_DIR"

per=$1 file=$2
shift 2
if [[ $file == cell ]]; then
  set -- "$@" "--cell=$SLURM_ARRAY_TASK_ID"
elif [[ $file != - ]]; then
  # xargs splits the line into words as a shell would.
  mapfile -t words < <(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$file" |
    xargs printf '%s\n')
  set -- "${words[@]}" "$@"
fi
if [[ $per == node ]]; then
  # Under srun JAX gives a process one GPU, unless told.
  JAX_LOCAL_DEVICE_IDS=$(seq -s , 0 $((SLURM_GPUS_ON_NODE - 1)))
  export JAX_LOCAL_DEVICE_IDS
fi
# srun no longer takes it over from sbatch by itself.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}

# Whether a status is that of a process that was lost, and this not too often.
may_restart() {
  ((${SLURM_RESTART_COUNT:-0} < ${RESTARTS:-5})) &&
    (($1 == 69 || ($1 > 128 && $1 != 130 && $1 != 143)))
}

trap 'told=1; echo "The time limit is near."; scontrol requeue "$SLURM_JOB_ID"' USR1

echo "$(date -u +%FT%TZ) ${*@Q}"
# Without --kill-on-bad-exit: processes watch one another, and those that are left
# end by a status that says whether one was lost or ended by an error.
srun .venv/bin/python -m hybridret_jax.main "$@" &
step=$!
told=1
while ((told)); do # The signal ends `wait`, not the step.
  told=0
  status=0
  wait "$step" || status=$?
done
if may_restart "$status"; then
  echo "A process was lost; the job goes back into the queue."
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
