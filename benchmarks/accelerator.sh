#!/usr/bin/env bash
# Everything that an accelerator is asked for, on a machine with one GPU or TPU:
#   bash benchmarks/accelerator.sh OUT [full|toy] [PART ...]
# needs the package, and for the comparisons (on GPUs) transformers, torch and
# sentence-transformers, of the Python that $PYTHON names; no network. Parts:
#   attention inputs peer_e5_small peer_xlmr_base texts_e5_small
#   texts_xlmr_base train_e5_small train_xlmr_base train_xlmr_large
#   profile_e5_small profile_xlmr_base scores
# Each takes nine minutes at most and leaves a file in OUT; those that are there
# are not run again, and one that fails does not stop the next.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
out=$(mkdir -p "$1" && cd "$1" && pwd)
size=${2:-full}
shift $(($# < 2 ? $# : 2))
python=${PYTHON:-.venv/bin/python}
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
export HF_HUB_OFFLINE=1
models=(e5_small xlmr_base) trained=(e5_small xlmr_base xlmr_large)
pairs=8192 steps=12 device=cuda
compared=(--trial_steps=0 --precision=bfloat16)
encoded=(--share=1 --precision=bfloat16 --attention=sdpa
  --batch_size=128 --batch_size=512)
if [[ $size == toy ]]; then
  models=(toy) trained=(toy) pairs=64 steps=2 device=cpu
  compared=(--trial_steps=0 --precision=float32 --config.batches.batch_size=4)
  encoded=(--share=1 --precision=float32 --attention=sdpa --batch_size=16
    --repeats=1)
fi
made=$out/made
status=0

# part NAME COMMAND...: runs it, unless it is done or others are asked for.
wanted=" $* "
part() {
  local name=$1
  shift
  [[ $wanted != "  " && $wanted != *" $name "* ]] && return
  [[ -e $out/$name.json ]] && return
  echo "== $name" && SECONDS=0
  if timeout 540 "$@" >"$out/$name.log" 2>&1; then
    echo "   $SECONDS s"
  else
    echo "   FAILED after $SECONDS s:" && tail -n 5 "$out/$name.log"
    status=1
  fi
}

# versus MODEL: flags of the two comparisons.
versus() {
  echo "--config=benchmarks/accelerator/config.py --device=$device" \
    "--config.data.folder=$made --config.model.init=$made/models/$1" \
    "--config.cache=$out/cache"
}

part attention "$python" -m benchmarks.accelerator.run attention "$out" \
  --size="$size"
models_listed=$(IFS=, && echo "${models[*]}")
part inputs bash -c "
  '$python' -m benchmarks.accelerator.made_inputs '$made.new' \
    --models=$models_listed --pairs=$pairs && rm -rf '$made' &&
    mv '$made.new' '$made' && echo '{}' >'$out/inputs.json'"
for name in "${models[@]}"; do
  # shellcheck disable=SC2046
  part "peer_$name" "$python" benchmarks/train_speed.py $(versus "$name") \
    --steps="$steps" --out="$out/peer_$name.json" "${compared[@]}"
  # shellcheck disable=SC2046
  part "texts_$name" "$python" benchmarks/encode_speed.py $(versus "$name") \
    --out="$out/texts_$name.json" "${encoded[@]}"
done
for name in "${trained[@]}"; do
  part "train_$name" "$python" -m benchmarks.accelerator.run "train:$name" \
    "$out" --size="$size"
done
for name in "${models[@]}"; do
  # Graphs of kernels would hide what is in them.
  part "profile_$name" env XLA_FLAGS=--xla_gpu_enable_command_buffer= \
    "$python" -m benchmarks.accelerator.run \
    "profile:$name" "$out" --size="$size"
done
part scores "$python" -m benchmarks.accelerator.run scores "$out" --size="$size"
"$python" -m benchmarks.accelerator.table "$out"
exit $status
