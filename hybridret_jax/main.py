"""The command line: flags, process start-up, and which verb."""

import logging
import os
import pathlib
import sys

# Read by TensorFlow when it is first imported, by whatever library.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags  # noqa: E402
from absl import logging as absl_logging  # noqa: E402
from ml_collections import config_flags  # noqa: E402

_TURNS = ("train", "evaluate", "export")
_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "A file of configs/, whose settings --config.a.b=… change."
)
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Folder of the run: checkpoints, metrics, results, export."
)
_MODE = flags.DEFINE_enum(
  "mode",
  None,
  [*_TURNS, "report", "search", "plan", "study"],
  "What to do; without it train, evaluate and export in turn. report makes the"
  " page of --runs in --workdir and needs no --config; search answers the query"
  " behind the flags over the first evaluation task's candidates; plan compiles"
  " the train step for --topology and tells what it needs there; study runs the"
  " cells of a config of configs/study/ and reports on them.",
)
_CELL = flags.DEFINE_string(
  "cell",
  "",
  "A study runs this cell alone: its key, name or index, or next for one that"
  " waits.",
)
_SHARD = flags.DEFINE_string(
  "shard", "", "I/N: a study takes cells whose index is I modulo N only."
)
_REPORT_ONLY = flags.DEFINE_bool(
  "report_only", False, "A study reports on the cells that are finished."
)
_JOIN = flags.DEFINE_list(
  "join",
  [],
  "Folders of reports of other parts of a study, which --report_only joins with"
  " its own.",
)
_DRY_RUN = flags.DEFINE_bool(
  "dry_run", False, "A study prepares its data, checks and lists its cells."
)
_RUNS = flags.DEFINE_list("runs", [], "Folders of the runs of a report.")
_BASELINE = flags.DEFINE_string(
  "baseline", None, 'System that a report compares with: "RUN: SYSTEM".'
)
_TOPOLOGY = flags.DEFINE_string(
  "topology", None, "What a plan is for: a TPU slice as v5e:4x4, or cpu:N."
)
_SEARCH = flags.DEFINE_enum(
  "search",
  None,
  ["chunk", "batch"],
  "A plan looks for the largest train.chunk_tokens or batch that fits.",
)
_MEAN_TOKENS = flags.DEFINE_list(
  "mean_tokens",
  [],
  "QUERY,PASSAGE: tokens that a plan assumes of them on average; by default the"
  " lengths that they are cut at.",
)
_SHORTEST = flags.DEFINE_integer(
  "shortest_text", 5, "Tokens that a plan assumes of the shortest text."
)
_UTILISATION = flags.DEFINE_float(
  "utilisation", 0.4, "Share of the peak at which a plan bounds pairs/s."
)


def main(argv: list[str]) -> None:
  arguments = argv[1:]
  mode = _MODE.value
  if mode == "search":
    if len(arguments) != 1:
      raise app.UsageError('search takes one query: --mode=search "QUERY"')
  elif arguments:
    raise app.UsageError(
      f"unexpected argument {arguments[0]!r}: write --flag=value"
    )
  if _CONFIG.value is None and mode != "report":
    raise app.UsageError("--config is missing; give a file of configs/")
  if _WORKDIR.value is None and mode != "plan":
    raise app.UsageError("--workdir is missing; give the folder of the run")
  is_study = _CONFIG.value is not None and "grids" in _CONFIG.value
  if mode != "report" and is_study != (mode == "study"):
    raise app.UsageError(
      "a config of configs/study/ goes with --mode=study, and no other does"
    )
  if _TOPOLOGY.value is None and mode == "plan":
    raise app.UsageError("--topology is missing; give one such as v5e:4x4")
  if mode == "report" and not _RUNS.value:
    raise app.UsageError("--runs is missing; give the folders of runs")
  if "://" in str(_WORKDIR.value):
    raise app.UsageError(
      f"--workdir={_WORKDIR.value}: only folders are written; mount the bucket"
      " and give its folder (docs/running.md)"
    )
  _quiet()
  try:
    _do(mode, arguments)
  except (ValueError, FileNotFoundError, FloatingPointError) as error:
    if os.environ.get("HYBRIDRET_TRACEBACK"):
      raise
    from hybridret_jax.parallel import hosts

    print(f"error: {error}", file=sys.stderr)
    hosts.leave(1)


def _do(mode: str | None, arguments: list[str]) -> None:
  # Imported here: a wrong flag is told before seconds of imports.
  if mode == "plan":
    _plan()
    return
  workdir = pathlib.Path(str(_WORKDIR.value))
  if mode == "report":
    from hybridret_jax import report

    runs = [pathlib.Path(run) for run in _RUNS.value]
    report.report(runs, workdir, baseline=_BASELINE.value)
    return
  if mode == "study":
    _study(workdir)
    return
  from hybridret_jax import evaluate, export, search, train
  from hybridret_jax.assembly import check, devices
  from hybridret_jax.parallel import hosts

  verbs = {
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "export": export.export,
  }
  config = _CONFIG.value
  modes = [mode] if mode in verbs else list(verbs) if mode is None else []
  devices.start(config)
  if not hosts.is_first():
    logging.getLogger("hybridret_jax").setLevel(logging.WARNING)
  check.whole(config, modes or ["evaluate"])
  for turn in modes:
    verbs[turn](config, workdir)
  if mode == "search":
    found = search.search(config, workdir, arguments[0])
    if hosts.is_first():
      print(found)


def _study(workdir: pathlib.Path) -> None:
  from hybridret_jax import study

  status = study.study(
    _CONFIG.value,
    workdir,
    cell=_CELL.value or "",
    shard=_SHARD.value or "",
    report_only=bool(_REPORT_ONLY.value),
    join=_JOIN.value or (),
    dry_run=bool(_DRY_RUN.value),
    command=[sys.executable, "-m", "hybridret_jax.main", *sys.argv[1:]],
  )
  if status:
    sys.exit(status)


def _plan() -> None:
  from hybridret_jax import preflight

  try:
    means = [float(number) for number in _MEAN_TOKENS.value]
  except ValueError as error:
    raise ValueError(f"--mean_tokens: {error}; give QUERY,PASSAGE") from error
  fits = preflight.plan(
    _CONFIG.value,
    pathlib.Path(_WORKDIR.value) if _WORKDIR.value else None,
    topology=_TOPOLOGY.value or "",
    mean_tokens=means,
    shortest=_SHORTEST.value or 0,
    search=_SEARCH.value,
    utilisation=_UTILISATION.value or 0.0,
  )
  if not fits:
    sys.exit(1)


def _quiet() -> None:
  """Shows what this package says; of its libraries, warnings only."""
  if not flags.FLAGS["verbosity"].present:
    absl_logging.set_verbosity(absl_logging.WARNING)
  ours = logging.getLogger("hybridret_jax")
  ours.setLevel(logging.INFO)
  ours.propagate = False
  handler = logging.StreamHandler()
  handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
  ours.handlers = [handler]


def run() -> None:
  """Parses the flags and runs; a misspelt one names the nearest right one."""
  try:
    app.run(main)
  except (AttributeError, KeyError) as error:
    # ml_collections raises these while flags are parsed.
    print(f"error: {error.args[0] if error.args else error}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
  run()
