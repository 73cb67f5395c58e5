#!/usr/bin/env bash
# Runs the tests. Arguments are passed on to pytest, for instance
#   bash launch/test.sh -n 2 tests/data
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/environment.sh
source launch/environment.sh
environment test
exec .venv/bin/python -m pytest "$@"
