#!/usr/bin/env bash
# Trains, evaluates and exports the embedded example: five minutes on two
# cores after installation. Arguments are passed on, for instance
#   bash launch/quickstart.sh --config.train.steps=50
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/environment.sh
source launch/environment.sh
environment ""
exec .venv/bin/python -m hybridret_jax.main \
  --config=configs/quickstart.py --workdir=runs/quickstart "$@"
