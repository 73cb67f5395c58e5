# shellcheck shell=bash
# Makes .venv at the repository root once and installs the package into it.
#
# To be sourced with the repository root as the working folder; then call
#   environment EXTRAS     EXTRAS as pip writes them: "", "test", "test,lint"
# A stamp in .venv records what was installed: nothing is done a second time
# until setup.py or constraints.txt changes, or an extra is asked for anew.

environment() {
  local stamp=.venv/installed
  local python versions extras
  if [[ ! -e .venv/bin/python ]]; then
    python="$(find_python)" || return 1
    make_venv "$python" || return 1
  elif ! is_supported .venv/bin/python; then
    complain ".venv/bin/python does not run or is not Python 3.11 to 3.13;" \
      "remove the folder .venv and run this again"
    return 1
  fi
  versions="$(cat setup.py constraints.txt | cksum)"
  if is_installed "$stamp" "$versions" "$1"; then
    return 0
  fi
  extras="$(all_extras "$stamp" "$1")"
  echo "Installing hybridret_jax${extras:+[$extras]} into .venv" \
    "(a few minutes, about 3 GB)"
  .venv/bin/python -m pip install --disable-pip-version-check \
    -c constraints.txt -e ".${extras:+[$extras]}" || return 1
  printf '%s\n%s\n' "$versions" "$extras" >"$stamp.new"
  mv "$stamp.new" "$stamp"
}

# The first Python that the pinned versions exist for. A name on the PATH may
# be a shim that does not run, so each one is run.
find_python() {
  local name
  for name in python3.13 python3.12 python3.11 python3 python; do
    if is_supported "$name"; then
      echo "$name"
      return 0
    fi
  done
  complain "no Python 3.11, 3.12 or 3.13 on the PATH (python3 is:" \
    "$(python3 --version 2>&1 || true)); install one, for instance with" \
    "'apt install python3.11 python3.11-venv' or 'uv python install 3.11'"
  return 1
}

is_supported() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
    >/dev/null 2>&1
}

make_venv() {
  echo "Making .venv with $("$1" --version)"
  if ! "$1" -m venv .venv; then
    rm -rf .venv
    complain "'$1 -m venv .venv' failed; on Debian and Ubuntu install the" \
      "package python3-venv of that version"
    return 1
  fi
}

is_installed() {
  local stamp=$1 versions=$2 asked=$3 extra
  [[ -e $stamp && "$(head -n 1 "$stamp")" == "$versions" ]] || return 1
  for extra in ${asked//,/ }; do
    [[ ",$(tail -n 1 "$stamp")," == *",$extra,"* ]] || return 1
  done
}

# Those installed before and those asked for now, without repeats.
all_extras() {
  local stamp=$1 asked=$2 before=""
  [[ -e $stamp ]] && before="$(tail -n 1 "$stamp")"
  printf '%s\n' "$before,$asked" | tr , '\n' | sed '/^$/d' | sort -u |
    paste -sd, -
}

complain() {
  echo "error: $*" >&2
}
