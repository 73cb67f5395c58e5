#!/usr/bin/env bash
# Trains in several processes on this machine, as several machines would.
#
#   bash launch/local_processes.sh -n 2 [--dry_run] -- \
#     --config=configs/quickstart.py --workdir=runs/two --mode=train
#
# What stands behind -- are flags of hybridret_jax.main. Each process logs to
# WORKDIR/logs/process_I.log, and the first one's log is shown. When a process
# fails, the others are ended and its exit status is passed on.
#
# Settings, each an environment variable:
#   PLATFORM  cpu (the default), or cuda: process I takes GPU I
#   DEVICES   CPU devices of a process (1)
#   PORT      where the first process waits for the others (a free one)
#   GRACE     seconds that processes get to save when this is ended (30)
#   RESTARTS  how often all are started again, to go on from the last checkpoint,
#             where one was killed or hangs (0)
#   PYTHON    a Python that has the package (.venv's, which is made)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/commands.sh
source launch/commands.sh

PLATFORM=${PLATFORM:-cpu}
DEVICES=${DEVICES:-1}
PORT=${PORT:-}
GRACE=${GRACE:-30}
RESTARTS=${RESTARTS:-0}
GONE=69 # Status of a process that has named another as gone.

main() {
  local processes logs failed=0 restarts=0
  read_command_line "$@"
  check_run "-n $processes"
  if [[ -z ${PYTHON:-} ]]; then
    act bash -c 'source launch/environment.sh && environment ""'
    PYTHON=.venv/bin/python
  fi
  logs="$(value_of --workdir)/logs"
  PORT=${PORT:-$(free_port)}
  act mkdir -p "$logs"
  if ((dry_run)); then
    print_all
  else
    run_all
    while ((failed && restarts < RESTARTS)) && may_restart "$failed"; do
      restarts=$((restarts + 1))
      echo "starting all processes again ($restarts of $RESTARTS)" >&2
      PORT=$(free_port)
      run_all
    done
    exit "$failed"
  fi
}

# Whether a status is that of a process that was lost, not of an error.
may_restart() {
  (($1 == GONE || ($1 > 128 && $1 != 130 && $1 != 143)))
}

# As `parse`, with -n.
read_command_line() {
  local rest=()
  processes=""
  while (($#)) && [[ $1 != -- ]]; do
    if [[ $1 == -n ]]; then
      processes=${2:-}
      shift
    else
      rest+=("$1")
    fi
    shift || break
  done
  parse "${rest[@]}" "$@"
  [[ -z $verb ]] || refuse "unknown word $verb; write bash $0 -n 2 -- FLAGS"
  [[ $processes =~ ^[1-9][0-9]*$ ]] || refuse \
    "-n is '$processes'; give the number of processes, as in: bash $0 -n 2 --"
}

# The command line of process INDEX, in `command`.
make_command() {
  local index=$1
  command=(
    env "JAX_COORDINATOR_ADDRESS=localhost:$PORT"
    "JAX_NUM_PROCESSES=$processes" "JAX_PROCESS_ID=$index"
    "JAX_PLATFORMS=$PLATFORM"
  )
  if [[ $PLATFORM == cpu ]]; then
    command+=("JAX_NUM_CPU_DEVICES=$DEVICES")
  else
    command+=("JAX_LOCAL_DEVICE_IDS=$index")
  fi
  command+=("$PYTHON" -m hybridret_jax.main "${arguments[@]}")
}

print_all() {
  local index command
  for ((index = 0; index < processes; index++)); do
    make_command "$index"
    echo "$(quoted "${command[@]}")" \
      ">>$(quoted "$logs/process_$index.log") 2>&1 &"
  done
}

run_all() {
  local index command log seen
  pids=() failed=0
  trap 'end_all 0' EXIT
  trap 'end_all "$GRACE"; exit 130' INT
  trap 'end_all "$GRACE"; exit 143' TERM
  for ((index = 0; index < processes; index++)); do
    make_command "$index"
    log=$logs/process_$index.log
    touch "$log"
    seen[index]=$(wc -c <"$log")
    "${command[@]}" >>"$log" 2>&1 </dev/null &
    pids[index]=$!
  done
  tail --pid="${pids[0]}" -c "+$((seen[0] + 1))" -F "$logs/process_0.log" \
    2>/dev/null &
  tail=$!
  wait_for_all
}

# Until all have ended well, or one has not.
wait_for_all() {
  local index status
  while ((${#pids[@]})); do
    for index in "${!pids[@]}"; do
      if kill -0 "${pids[index]}" 2>/dev/null; then
        continue
      fi
      status=0
      wait "${pids[index]}" || status=$?
      unset "pids[index]"
      if ((status)); then
        end_all 0
        report "$index" "$status"
        failed=$status
        return
      fi
    done
    sleep 0.2
  done
  wait "$tail" || true
}

report() {
  local index=$1 status=$2 log=$logs/process_$1.log
  wait "$tail" || true
  if ((index)); then
    tail -n 20 "$log" >&2
  fi
  echo "error: process $index ended with status $status; see $log" >&2
}

# Ends the processes that are left, after SECONDS to save a checkpoint in: a
# process that has joined others does not end by SIGTERM alone.
end_all() {
  local grace=$1 pid deadline=$((SECONDS + $1))
  trap '' INT TERM
  if ((grace && ${#pids[@]})); then
    kill -TERM "${pids[@]}" 2>/dev/null || true
    for pid in "${pids[@]}"; do
      while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do
        sleep 0.2
      done
    done
  fi
  for pid in "${pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  pids=()
}

free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); do
    if ! (exec 3<>"/dev/tcp/localhost/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

main "$@"
