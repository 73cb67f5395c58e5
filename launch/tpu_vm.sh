#!/usr/bin/env bash
# Trains on a slice of Cloud TPU VMs, through gcloud.
#
#   bash launch/tpu_vm.sh COMMAND [--dry_run] [-- FLAGS]
#
#   bucket     makes the bucket, where runs, data and caches lie
#   create     asks for the slice and waits until it is there
#   install    copies this folder to every worker, mounts the bucket at bucket/
#              and installs the package
#   run        starts hybridret_jax.main with FLAGS on every worker; it goes on
#              without this machine
#   logs       follows the log of one worker
#   resume     goes on with a run: makes the slice anew if it was taken away,
#              and starts as `run` does, with the same FLAGS
#   status     the state of the slice, and of the run on each worker
#   stop       ends the run; the slice stays
#   delete     deletes the slice; the bucket stays
#
#   BUCKET=my-bucket bash launch/tpu_vm.sh run -- \
#     --config=configs/me5_small_hybrid.py --config.data.folder=bucket/data \
#     --workdir=bucket/runs/me5_small_hybrid
#
# Slices of different NAME that run the same study (--mode=study behind --) with
# the same --workdir share its cells.
#
# Settings, each an environment variable:
#   NAME     of the slice (hybridret)
#   BUCKET   the bucket's name without gs://; none where there is one worker,
#            or where you mount a shared disk at bucket/ yourself
#   TYPE     of the slice (v5litepod-16)
#   ZONE     of the slice (us-west4-a)
#   SPOT     1 takes capacity that may be taken away, at a lower price (1)
#   PROJECT  gcloud's own by default
#   RUNTIME  software of the TPU VMs (what Google names for TYPE)
#   WORKER   whose log is followed (0)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/commands.sh
source launch/commands.sh

NAME=${NAME:-hybridret}
BUCKET=${BUCKET:-}
TYPE=${TYPE:-v5litepod-16}
ZONE=${ZONE:-us-west4-a}
SPOT=${SPOT:-1}
PROJECT=${PROJECT:-}
WORKER=${WORKER:-0}

ARCHIVE=runs/hybridret_jax.tar.gz
PACK="set -o pipefail; git ls-files -z --cached --others --exclude-standard |"
PACK+=" tar --null --files-from=- --ignore-failed-read -czf $ARCHIVE"
SECONDS_BETWEEN=30
# On the workers.
WORK=(bash hybridret_jax/launch/tpu_worker.sh)

main() {
  parse "$@"
  check_verb bucket create install run logs resume status stop delete
  take_words 0
  check_name NAME
  where=("--zone=$ZONE" ${PROJECT:+"--project=$PROJECT"})
  RUNTIME=${RUNTIME:-$(default_runtime)}
  case $verb in
    run | resume)
      check_bucket
      if [[ $BUCKET == none ]]; then
        check_run "$verb"
      else
        check_run "$verb" bucket
        default_cache bucket/cache
      fi
      ;;
    *) take_no_arguments ;;
  esac
  "do_$verb"
}

do_bucket() {
  check_bucket
  [[ $BUCKET != none ]] || refuse "BUCKET is none; name the bucket to make"
  # Folders of such a bucket are renamed whole, as Orbax expects.
  act gcloud storage buckets create "gs://$BUCKET" \
    "--location=${ZONE%-*}" ${PROJECT:+"--project=$PROJECT"} \
    --uniform-bucket-level-access --enable-hierarchical-namespace
}

do_create() {
  local spot=()
  ((SPOT == 0)) || spot=(--spot)
  act gcloud compute tpus queued-resources create "$NAME" \
    "--node-id=$NAME" "--accelerator-type=$TYPE" \
    "--runtime-version=$RUNTIME" "${spot[@]}" "${where[@]}"
  wait_until_active
}

do_install() {
  check_bucket
  act mkdir -p runs
  # What git tracks or does not ignore, as it is on the disk now.
  act bash -c "$PACK"
  act gcloud compute tpus tpu-vm scp "$ARCHIVE" "$NAME:hybridret_jax.tar.gz" \
    --worker=all --quiet "${where[@]}"
  on_workers "mkdir -p hybridret_jax && tar -xzf $(basename $ARCHIVE)" \
    "-C hybridret_jax"
  on_workers "$(quoted "${WORK[@]}" install "$BUCKET")"
}

do_run() {
  on_workers "$(quoted "${WORK[@]}" run "$BUCKET" "${arguments[@]}")"
}

do_logs() {
  ssh_to "$WORKER" "$(quoted "${WORK[@]}" logs)"
}

do_resume() {
  if ((dry_run)); then
    note "If this prints ACTIVE,"
    state
    note "then"
    do_stop
    note "else"
    make_anew
    note "and in both cases"
  elif [[ $(state) == ACTIVE ]]; then
    # A worker that lost its neighbours may still hold its TPU.
    do_stop
  else
    make_anew
  fi
  do_run
}

make_anew() {
  do_delete || echo "There was no slice to delete."
  do_create
  do_install
}

do_status() {
  state
  on_workers "$(quoted "${WORK[@]}" status)"
}

do_stop() {
  on_workers "$(quoted "${WORK[@]}" stop)"
}

do_delete() {
  act gcloud compute tpus queued-resources delete "$NAME" --force --quiet \
    "${where[@]}"
}

on_workers() {
  ssh_to all "$*"
}

ssh_to() {
  act gcloud compute tpus tpu-vm ssh "$NAME" "--worker=$1" "--command=$2" \
    --quiet "${where[@]}"
}

state() {
  act gcloud compute tpus queued-resources describe "$NAME" \
    "--format=value(state.state)" "${where[@]}"
}

wait_until_active() {
  local now unknown=0
  note "Until this prints ACTIVE, every $SECONDS_BETWEEN seconds:"
  if ((dry_run)); then
    state
    return
  fi
  while ((unknown < 10)); do
    now=$(state) || ((unknown += 1))
    case $now in
      ACTIVE) return ;;
      FAILED | SUSPENDED | SUSPENDING | DELETING)
        refuse "the request for $NAME is $now; see why with gcloud compute" \
          "tpus queued-resources describe $NAME ${where[*]}, delete it, and" \
          "create it again, perhaps in another ZONE or with SPOT=0"
        ;;
    esac
    echo "$NAME is ${now:-not known}."
    sleep "$SECONDS_BETWEEN"
  done
  refuse "gcloud does not say how the request for $NAME stands; see above"
}

# Google's name of the software for each generation.
default_runtime() {
  case $TYPE in
    v6e-*) echo v2-alpha-tpuv6e ;;
    v5p-*) echo v2-alpha-tpuv5 ;;
    v5litepod-*) echo v2-alpha-tpuv5-lite ;;
    v4-* | v3-* | v2-*) echo tpu-ubuntu2204-base ;;
    *)
      refuse "TYPE is $TYPE, whose software is not known here; set RUNTIME" \
        "(https://cloud.google.com/tpu/docs/runtimes)"
      ;;
  esac
}

check_bucket() {
  [[ -n $BUCKET ]] || refuse "BUCKET is not set; name the bucket of the runs" \
    "(BUCKET=my-bucket), or BUCKET=none where there is one worker"
  [[ $BUCKET != *[/:]* ]] || refuse "BUCKET is '$BUCKET'; write its name" \
    "without gs:// and folders"
}

main "$@"
