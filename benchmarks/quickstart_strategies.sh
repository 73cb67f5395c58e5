#!/usr/bin/env bash
# The quickstart with each strategy and three seeds, and a table of the means:
#   bash benchmarks/quickstart_strategies.sh [FLAGS of hybridret_jax.main]
# Runs go to runs/quickstart_<strategy>_<seed>; finished ones are not run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-.venv/bin/python}
for seed in 0 1 2; do
  for strategy in monolingual cross_lingual hybrid; do
    run=runs/quickstart_${strategy}_$seed
    [[ -e $run/results/cldr_test/results.json ]] && continue
    "$python" -m hybridret_jax.main --config=configs/quickstart.py \
      --workdir="$run" --config.seed="$seed" \
      --config.batches.strategy="$strategy" "$@"
  done
done
"$python" benchmarks/strategies_table.py runs/quickstart_*_[0-9]
