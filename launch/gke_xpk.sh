#!/usr/bin/env bash
# Trains on TPU slices of a GKE cluster, through xpk.
#
#   bash launch/gke_xpk.sh COMMAND [--dry_run] [-- FLAGS]
#
#   bucket          makes the bucket, where runs, data and caches lie
#   create          makes the cluster with its slices
#   install         builds and uploads the image, and has the cluster mount the
#                   bucket at bucket/
#   run             starts hybridret_jax.main with FLAGS on every host; it is
#                   restarted when a host is lost
#   logs            follows the log of the first host
#   resume          goes on with a run, with the same FLAGS
#   status          the runs of the cluster of this name
#   delete          deletes the run; cluster and bucket stay
#   delete_cluster  deletes the cluster; the bucket stays
#
#   PROJECT=my-project BUCKET=my-bucket bash launch/gke_xpk.sh run -- \
#     --config=configs/me5_small_hybrid.py --config.data.folder=bucket/data \
#     --workdir=bucket/runs/me5_small_hybrid
#
# Settings, each an environment variable:
#   PROJECT   of Google Cloud
#   BUCKET    the bucket's name without gs://
#   NAME      of the run's workload (hybridret)
#   CLUSTER   (hybridret)
#   TYPE      of a slice (v5litepod-16)
#   SLICES    their number (1)
#   ZONE      of the slices (us-west4-a)
#   SPOT      1 takes capacity that may be taken away, at a lower price (1)
#   RESTARTS  how often a lost run is restarted (50)
#   IMAGE     where the image is kept (gcr.io/PROJECT/hybridret_jax)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/commands.sh
source launch/commands.sh

PROJECT=${PROJECT:-}
BUCKET=${BUCKET:-}
NAME=${NAME:-hybridret}
CLUSTER=${CLUSTER:-hybridret}
TYPE=${TYPE:-v5litepod-16}
SLICES=${SLICES:-1}
ZONE=${ZONE:-us-west4-a}
SPOT=${SPOT:-1}
RESTARTS=${RESTARTS:-50}
IMAGE=${IMAGE:-gcr.io/$PROJECT/hybridret_jax}

STORAGE=hybridret-bucket
# Hosts read what others have just written, so nothing about files is cached;
# where the bucket has no folders, renaming one moves its files.
MOUNT=implicit-dirs,file-system:rename-dir-limit:1000000
MOUNT+=,metadata-cache:ttl-secs:0,metadata-cache:negative-ttl-secs:0

main() {
  parse "$@"
  check_verb bucket create install run logs resume status delete delete_cluster
  take_words 0
  check_name NAME
  check_name CLUSTER
  [[ -n $PROJECT ]] || refuse "PROJECT is not set; name it (PROJECT=my-project)"
  where=("--zone=$ZONE" "--project=$PROJECT")
  case $verb in
    run | resume)
      check_run "$verb" bucket
      default_cache bucket/cache
      ;;
    *) take_no_arguments ;;
  esac
  "do_$verb"
}

do_bucket() {
  check_bucket
  # Folders of such a bucket are renamed whole, as Orbax expects.
  act gcloud storage buckets create "gs://$BUCKET" \
    "--location=${ZONE%-*}" "--project=$PROJECT" \
    --uniform-bucket-level-access --enable-hierarchical-namespace
}

do_create() {
  local capacity=--on-demand
  ((SPOT == 0)) || capacity=--spot
  act xpk cluster create "--cluster=$CLUSTER" "--tpu-type=$TYPE" \
    "--num-slices=$SLICES" "$capacity" --enable-gcsfuse-csi-driver "${where[@]}"
}

do_install() {
  check_bucket
  act docker build --platform=linux/amd64 -f launch/Dockerfile -t "$IMAGE" .
  act docker push "$IMAGE"
  act xpk storage attach "$STORAGE" "--cluster=$CLUSTER" --type=gcsfuse \
    "--bucket=$BUCKET" --mount-point=/hybridret_jax/bucket --readonly=false \
    --auto-mount=false --size=1 "--mount-options=$MOUNT" "${where[@]}"
}

do_run() {
  # exec, so that a signal to end reaches it and it saves.
  act xpk workload create "--workload=$NAME" "--cluster=$CLUSTER" \
    "--tpu-type=$TYPE" "--num-slices=$SLICES" "--docker-image=$IMAGE" \
    "--storage=$STORAGE" "--max-restarts=$RESTARTS" \
    "--command=exec $(quoted python -m hybridret_jax.main "${arguments[@]}")" \
    "${where[@]}"
}

do_logs() {
  local set=jobset.sigs.k8s.io
  local first="$set/jobset-name=$NAME,$set/job-index=0"
  first+=,batch.kubernetes.io/job-completion-index=0
  act gcloud container clusters get-credentials "$CLUSTER" \
    "--location=${ZONE%-*}" "--project=$PROJECT"
  act kubectl logs --follow --tail=1000 --all-containers \
    "--selector=$first"
}

do_resume() {
  # A workload's name is free again only once it is deleted.
  do_delete || echo "There was no run to delete."
  do_run
}

do_status() {
  act xpk workload list "--cluster=$CLUSTER" "--filter-by-job=$NAME" \
    "${where[@]}"
}

do_delete() {
  act xpk workload delete "--workload=$NAME" "--cluster=$CLUSTER" "${where[@]}"
}

do_delete_cluster() {
  act xpk cluster delete "--cluster=$CLUSTER" "${where[@]}"
}

check_bucket() {
  [[ -n $BUCKET ]] || refuse "BUCKET is not set; name the bucket of the runs" \
    "(BUCKET=my-bucket)"
  [[ $BUCKET != *[/:]* ]] || refuse "BUCKET is '$BUCKET'; write its name" \
    "without gs:// and folders"
}

main "$@"
