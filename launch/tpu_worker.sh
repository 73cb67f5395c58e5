#!/usr/bin/env bash
# What tpu_vm.sh has each worker of a slice do, in the copy of the repository.
#
#   bash launch/tpu_worker.sh install BUCKET | run BUCKET FLAGS | logs | status
#     | stop
#
# A run that loses a process starts again, RESTARTS (5) times at most.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/environment.sh
source launch/environment.sh

LOG=logs/run.log
PID=logs/run.pid
SECONDS_TO_SAVE=60

main() {
  local verb=$1
  shift
  mkdir -p logs
  "do_$verb" "$@"
}

do_install() {
  mount_bucket "$1"
  # The TPU VMs' own Python is older than this package takes.
  if [[ ! -e .venv/bin/python ]] && ! find_python >/dev/null 2>&1; then
    curl -LsSf https://astral.sh/uv/install.sh | sh
    "$HOME/.local/bin/uv" venv --python 3.12 --seed .venv
  fi
  environment tpu
}

do_run() {
  mount_bucket "$1"
  shift
  if is_running; then
    complain "a run is going on here (process $(<"$PID")); stop it first"
    return 1
  fi
  echo "$(date -u +%FT%TZ) ${*@Q}" >>"$LOG"
  # In a session of its own, so that it outlives the connection.
  PYTHONUNBUFFERED=1 setsid bash launch/tpu_worker.sh again "$@" \
    >>"$LOG" 2>&1 </dev/null &
  echo $! >"$PID"
  sleep "${SECONDS_TO_FAIL:-10}"
  if ! is_running; then
    tail -n 20 "$LOG" >&2
    complain "it ended at once; see above"
    return 1
  fi
  echo "$(hostname): started; it logs to ~/hybridret_jax/$LOG"
}

# The run, and again from its last checkpoint where a process was lost: this one,
# or one that this one has named (status 69).
do_again() {
  local restarts=0 status=0 told=0
  trap 'told=1; kill -TERM "$run" 2>/dev/null || true' TERM
  while :; do
    .venv/bin/python -m hybridret_jax.main "$@" &
    run=$!
    while :; do # A signal ends `wait`, not the run.
      status=0
      wait "$run" || status=$?
      kill -0 "$run" 2>/dev/null || break
    done
    if ((told || restarts >= ${RESTARTS:-5})) || ! was_lost "$status"; then
      exit "$status"
    fi
    restarts=$((restarts + 1))
    echo "a process was lost (status $status); starting again, $restarts"
  done
}

was_lost() {
  (($1 == 69 || ($1 > 128 && $1 != 130 && $1 != 143)))
}

do_logs() {
  exec tail -n 1000 -F "$LOG"
}

do_status() {
  local state="no run"
  ! is_running || state="running"
  echo "$(hostname): $state; $(tail -n 1 "$LOG" 2>/dev/null | tail -c 200)"
}

# A process that has joined others does not end by SIGTERM alone.
do_stop() {
  local waited
  if is_running; then
    kill -TERM "$(<"$PID")"
    for ((waited = 0; waited < SECONDS_TO_SAVE; waited++)); do
      is_running || break
      sleep 1
    done
    ! is_running || kill -KILL -- "-$(<"$PID")" # With what it has started.
  fi
  rm -f "$PID"
}

is_running() {
  [[ -e $PID ]] && kill -0 "$(<"$PID")" 2>/dev/null
}

# Several workers read what others have just written, so nothing about the
# files is cached; where the bucket has no folders, renaming one moves its files.
mount_bucket() {
  [[ $1 != none ]] || return 0
  command -v gcsfuse >/dev/null || install_gcsfuse
  mkdir -p bucket
  mountpoint -q bucket || gcsfuse --implicit-dirs \
    --rename-dir-limit=1000000 --metadata-cache-ttl-secs=0 \
    --metadata-cache-negative-ttl-secs=0 "$1" bucket
}

install_gcsfuse() {
  local key=/usr/share/keyrings/cloud.google.asc
  local source=https://packages.cloud.google.com/apt
  curl -fsSL "$source/doc/apt-key.gpg" | sudo tee "$key" >/dev/null
  echo "deb [signed-by=$key] $source gcsfuse-$(lsb_release -cs) main" |
    sudo tee /etc/apt/sources.list.d/gcsfuse.list >/dev/null
  # A fresh machine may still be updating itself.
  sudo apt-get -o DPkg::Lock::Timeout=600 -qq update
  sudo apt-get -o DPkg::Lock::Timeout=600 -qq install -y gcsfuse
}

main "$@"
