# shellcheck shell=bash
# What the launchers share: their command line, commands that can be printed
# instead of run, and errors that name the mend.
#
# To be sourced; `parse "$@"` comes first. It sets
#   verb       the first word
#   words      the words after it
#   dry_run    1 where --dry_run is given
#   arguments  what stands behind --: the flags of hybridret_jax.main

parse() {
  verb="" words=() dry_run=0 arguments=()
  while (($#)); do
    case $1 in
      --help | -h)
        usage
        exit 0
        ;;
      --dry_run | --dry-run) dry_run=1 ;;
      --)
        shift
        arguments=("$@")
        break
        ;;
      -*)
        refuse "unknown flag $1; flags of the run stand behind --, settings" \
          "are environment variables: see bash $0 --help"
        ;;
      *)
        if [[ -z $verb ]]; then verb=$1; else words+=("$1"); fi
        ;;
    esac
    shift
  done
}

# The comment at the head of the script.
usage() {
  sed -n '2,/^set -/{/^#/{s/^# \{0,1\}//;p}}' "$0"
}

refuse() {
  echo "error: $*" >&2
  exit 2
}

# Refuses other than COUNT words behind the verb; WHAT says what they are.
take_words() {
  local count=$1 what=${2:-nothing}
  if ((${#words[@]} != count)); then
    refuse "$verb takes $what, not '${words[*]}'; flags of the run stand" \
      "behind --"
  fi
}

# Refuses flags behind -- where the verb starts no run.
take_no_arguments() {
  if ((${#arguments[@]})); then
    refuse "$verb takes no flags of a run, not '${arguments[*]}'; drop them"
  fi
}

# Runs a command, or prints it as a shell takes it.
act() {
  if ((dry_run)); then
    quoted "$@"
  else
    "$@"
  fi
}

# Says in a dry run when the next commands run.
note() {
  if ((dry_run)); then
    echo "# $*"
  fi
}

# The words in one line, each quoted where a shell needs it.
quoted() {
  local word line=()
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]] || word=${word@Q}
    line+=("$word")
  done
  echo "${line[*]}"
}

# The last value of a flag among `arguments`, or nothing.
value_of() {
  local word value=""
  for word in "${arguments[@]}"; do
    [[ $word != "$1="* ]] || value=${word#*=}
  done
  echo "$value"
}

# Refuses flags that could not start a run, or not where it would run. START is
# what stands before them; PLACE, the folder that outlives the machines, if any.
check_run() {
  local start=$1 place=${2:-} word
  local mend="give a folder, which a mounted bucket is"
  [[ -z $place ]] || mend="write $place/ and the path in the bucket"
  if ((${#arguments[@]} == 0)); then
    refuse "the run's flags are missing, as in: bash $0 $start --" \
      "--config=configs/quickstart.py --workdir=${place:+$place/}runs/quickstart"
  fi
  for word in "${arguments[@]}"; do
    if [[ $word == *gs://* ]]; then
      refuse "$word: gs:// is not read; $mend"
    fi
  done
  if [[ -z $(value_of --workdir) ]]; then
    refuse "--workdir=FOLDER is missing behind --"
  fi
  if [[ -n $place && $(value_of --workdir) != "$place"/* ]]; then
    refuse "--workdir=$(value_of --workdir) is lost with the machines and" \
      "seen by one of them only; write --workdir=$place/..."
  fi
}

# Keeps tokens, vectors and compiled programs in FOLDER, unless told where.
default_cache() {
  local flag=--config.cache
  [[ $(value_of --mode) != study ]] || flag=--config.run.cache
  if [[ -z $(value_of $flag) ]]; then
    arguments+=("$flag=$1")
  fi
}

# Refuses a name that Google Cloud or Kubernetes would refuse minutes later.
check_name() {
  [[ ${!1} =~ ^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$ ]] || refuse \
    "$1 is '${!1}'; use lower-case letters, digits and -, at most 40 in all"
}

# Refuses a verb that is none of those given.
check_verb() {
  local known
  for known in "$@"; do
    [[ $verb != "$known" ]] || return 0
  done
  refuse "${verb:+unknown command $verb; }give one of: $*"
}
