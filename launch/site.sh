#!/usr/bin/env bash
# Builds the site into build/site, in an environment of its own that holds
# nothing else. A dead link, or a name that is not there, is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/environment.sh
source launch/environment.sh
place=build/site_environment
stamp="$place/installed"
wanted="$(sed -n '/"docs": \[/,/\]/p' setup.py | cksum)"
if [[ ! -e $stamp || "$(cat "$stamp")" != "$wanted" ]]; then
  python="$(find_python)"
  "$python" -m venv "$place"
  # shellcheck disable=SC2046
  "$place/bin/python" -m pip install -q --disable-pip-version-check -c constraints.txt \
    $(sed -n '/"docs": \[/,/\]/p' setup.py | grep -o '"mkdoc[^"]*"' | tr -d '"')
  printf '%s' "$wanted" >"$stamp"
fi
NO_MKDOCS_2_WARNING=1 "$place/bin/mkdocs" build --quiet --strict "$@"
echo "The site is in build/site"
