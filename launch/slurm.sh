#!/usr/bin/env bash
# Trains on GPUs of a SLURM cluster; run it on a login node, from a folder that
# the compute nodes see.
#
#   bash launch/slurm.sh COMMAND [--dry_run] [-- FLAGS]
#
#   install        makes .venv with the GPU version of JAX
#   run            submits one run of hybridret_jax.main with FLAGS
#   array FILE     submits one run a line of FILE, a list of flags each, to which
#                  FLAGS are added; at most PARALLEL at a time
#   study WORKERS  submits so many jobs that share a study: each takes one cell
#                  after another, and the last one reports
#   cells COUNT    submits one job for each of a study's cells, 0 to COUNT - 1;
#                  at most PARALLEL at a time, and no report
#   logs JOB       follows a run's log; JOB as squeue names it, 17 or 17_3
#   resume         as run: with the same FLAGS a run goes on
#   status         the runs that wait or go on
#   stop JOB       ends a run
#
#   NODES=2 GPUS=8 bash launch/slurm.sh run -- \
#     --config=configs/me5_small_hybrid.py --config.data.folder=DATA \
#     --workdir=runs/me5_small_hybrid
#
# A run that is preempted, loses a node or reaches its time limit is put into the
# queue again and goes on from its checkpoint.
#
# Settings, each an environment variable:
#   NAME       of the job (hybridret)
#   NODES      (1)
#   GPUS       of a node (8)
#   PER        gpu: a process a GPU (the default); node: a process a node
#   CPUS       of a GPU (8)
#   TIME       limit of a run, hours:minutes:seconds (24:00:00)
#   RESTARTS   how often a run that lost a process is put into the queue again (5)
#   PARALLEL   runs of an array at a time (all)
#   PARTITION  (the cluster's own)
#   ACCOUNT    (yours)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/commands.sh
source launch/commands.sh

NAME=${NAME:-hybridret}
NODES=${NODES:-1}
GPUS=${GPUS:-8}
PER=${PER:-gpu}
CPUS=${CPUS:-8}
TIME=${TIME:-24:00:00}
PARALLEL=${PARALLEL:-}
PARTITION=${PARTITION:-}
ACCOUNT=${ACCOUNT:-}
RESTARTS=${RESTARTS:-5}

LOGS=runs/slurm
SECONDS_TO_REQUEUE=120

main() {
  parse "$@"
  check_verb install run array study cells logs resume status stop
  check_settings
  case $verb in
    array) take_words 1 "the file of the runs' flags" ;;
    study) take_words 1 "the number of workers" ;;
    cells) take_words 1 "the number of cells" ;;
    logs | stop) take_words 1 "the number of a job" ;;
    *) take_words 0 ;;
  esac
  case $verb in
    run | resume) check_run "$verb" ;;
    array) check_lines "${words[0]}" ;;
    study | cells)
      [[ ${words[0]} =~ ^[1-9][0-9]*$ ]] || refuse \
        "$verb takes a number, not '${words[0]}'"
      check_run "$verb ${words[0]}"
      arguments=(--mode=study "${arguments[@]}")
      ;;
    *) take_no_arguments ;;
  esac
  "do_$verb"
}

do_install() {
  act bash -c 'source launch/environment.sh && environment cuda12'
}

do_run() {
  submit - "--output=$LOGS/%x_%j.log"
}

do_resume() {
  do_run
}

do_array() {
  local last
  last=$(($(grep -c '' "${words[0]}") - 1))
  submit "${words[0]}" "--array=0-$last${PARALLEL:+%$PARALLEL}" \
    "--output=$LOGS/%x_%A_%a.log"
}

do_study() {
  submit - "--array=0-$((words[0] - 1))" "--output=$LOGS/%x_%A_%a.log"
}

do_cells() {
  submit cell "--array=0-$((words[0] - 1))${PARALLEL:+%$PARALLEL}" \
    "--output=$LOGS/%x_%A_%a.log"
}

do_logs() {
  act tail -n 1000 -F "$LOGS/${NAME}_${words[0]}.log"
}

do_status() {
  act squeue --me "--name=$NAME"
}

do_stop() {
  act scancel "${words[0]}"
}

# Submits slurm_job.sh for FILE, - where all runs have the same flags, or cell,
# with more flags of sbatch.
submit() {
  local file=$1 processes=$GPUS cpus=$CPUS
  shift
  if [[ $PER == node ]]; then
    processes=1 cpus=$((CPUS * GPUS))
  fi
  act mkdir -p "$LOGS"
  export RESTARTS # sbatch hands the environment on.
  # USR1 comes before the time limit, to the script alone; it requeues the job.
  act sbatch "--job-name=$NAME" "--nodes=$NODES" "--gpus-per-node=$GPUS" \
    "--ntasks-per-node=$processes" "--cpus-per-task=$cpus" "--time=$TIME" \
    ${PARTITION:+"--partition=$PARTITION"} ${ACCOUNT:+"--account=$ACCOUNT"} \
    --requeue --open-mode=append "--signal=B:USR1@$SECONDS_TO_REQUEUE" "$@" \
    launch/slurm_job.sh "$PER" "$file" "${arguments[@]}"
}

check_settings() {
  local name
  [[ $PER == gpu || $PER == node ]] || refuse "PER is '$PER'; use gpu or node"
  for name in NODES GPUS CPUS ${PARALLEL:+PARALLEL}; do
    [[ ${!name} =~ ^[1-9][0-9]*$ ]] || refuse "$name is '${!name}'; give a number"
  done
}

# Runs that share a folder would write over one another.
check_lines() {
  local file=$1 line number=0 folder folders=" "
  [[ -f $file ]] || refuse "$file: no such file; give one with a run's flags" \
    "on each line"
  [[ -z $(value_of --workdir) ]] || refuse "--workdir behind -- is the same" \
    "for every run of the array; write one on each line of $file"
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    [[ $line =~ (^|[[:space:]])--workdir=([^[:space:]]+) ]] || refuse \
      "$file:$number has no --workdir=FOLDER; write a run's flags on each line"
    folder=${BASH_REMATCH[2]}
    [[ $folders != *" $folder "* ]] || refuse \
      "$file:$number: $folder is another line's folder too; give each its own"
    folders+="$folder "
  done <"$file"
  ((number)) || refuse "$file is empty; write a run's flags on each line"
}

main "$@"
