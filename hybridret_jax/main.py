"""The command line: flags, process start-up, and which verb."""

import logging
import os
import pathlib
import sys
import threading
import traceback
from typing import Any, NoReturn

from hybridret_jax.ground import arguments as command_line
from hybridret_jax.ground import display, ends, faults, terminal

if __name__ == "__main__":
  # Before any library takes the streams as they are, or opens a file.
  terminal.hold()
# Read by TensorFlow when it is first imported, by whatever library.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags  # noqa: E402
from absl import logging as absl_logging  # noqa: E402
from ml_collections import config_flags  # noqa: E402

_TURNS = ("train", "evaluate", "export")
_OF_A_RUN = ("evaluate", "export", "search")  # Which need no --config.
_CONFIG = config_flags.DEFINE_config_file(
  "config",
  None,
  "A file of configs/, whose settings --config.a.b=… change. Without it a run"
  " that is there is evaluated, exported and searched with its own.",
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
_VECTORS = flags.DEFINE_list(
  "vectors",
  [],
  "NAME:FOLDER, …: vectors of other models (queries.npy and candidates.npy of"
  " each task), judged beside the systems of the config, or alone where it has"
  " no model.init.",
)
_NORMALIZE = flags.DEFINE_bool(
  "normalize", False, "Divides the vectors of --vectors by their lengths."
)
_UTILISATION = flags.DEFINE_float(
  "utilisation", 0.4, "Share of the peak at which a plan bounds pairs/s."
)

# Flags of one mode only, by mode; all others go with every one.
_FLAGS_OF = {
  "study": ("cell", "shard", "report_only", "join", "dry_run"),
  "report": ("runs", "baseline"),
  "evaluate": ("vectors", "normalize"),
  "plan": (
    *("topology", "search", "mean_tokens", "shortest_text", "utilisation"),
  ),
}
_PRINTING = ("search", "plan")  # Their answer is what they print.
_INTERRUPTED = 130  # As of a process that SIGINT ends.


def main(argv: list[str]) -> None:
  """Runs what the flags say."""
  arguments = argv[1:]
  mode = _MODE.value
  _check_flags(mode, arguments)
  _quiet()
  _check_repeated(sys.argv[1:])
  _do(mode, arguments)
  why = terminal.lost()
  if why is not None and mode in _PRINTING:
    raise OSError(why.errno, why.strerror, "standard output")


def _check_flags(mode: str | None, arguments: list[str]) -> None:
  """Raises a UsageError of flags that do not go together."""
  if mode == "search":
    if len(arguments) != 1:
      raise app.UsageError('search takes one query: --mode=search "QUERY"')
  elif arguments:
    raise app.UsageError(
      f"unexpected argument {arguments[0]!r}: write --flag=value"
    )
  for of_mode, names in _FLAGS_OF.items():
    given = [f"--{n}" for n in names if _is_given(n)]
    if given and mode != of_mode:
      now = f"--mode={mode}" if mode else "a run (no --mode)"
      raise app.UsageError(
        f"{', '.join(given)}: of --mode={of_mode}, and {now} does not use it;"
        " leave it out or change the mode"
      )
  if _CONFIG.value is None and mode not in ("report", *_OF_A_RUN):
    raise app.UsageError("--config is missing; give a file of configs/")
  if _CONFIG.value is not None and mode == "report":
    raise app.UsageError(
      "--config: --mode=report reads what the runs have saved, and no config;"
      " leave it out"
    )
  if _WORKDIR.value is None and mode != "plan":
    raise app.UsageError("--workdir is missing; give the folder of the run")
  if not _WORKDIR.value and mode != "plan":
    raise app.UsageError("--workdir is empty; give the folder of the run")
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


def _is_given(name: str) -> bool:
  flag = flags.FLAGS[name]
  return bool(flag.present) and flag.value != flag.default


def _do(mode: str | None, arguments: list[str]) -> None:
  # Imported here: a wrong flag is told before seconds of imports.
  if mode == "plan":
    _plan()
    return
  workdir = pathlib.Path(str(_WORKDIR.value))
  if mode == "study":
    _study(workdir)
    return
  if mode in _OF_A_RUN or mode == "train" or mode is None:
    _check_places(mode, workdir)
  from hybridret_jax import library
  from hybridret_jax.assembly import given
  from hybridret_jax.parallel import hosts
  from hybridret_jax.reporting import found

  config = _CONFIG.value
  if mode == "report":
    library.compare(_RUNS.value, workdir, baseline=_BASELINE.value)
  elif mode == "search":
    rows = library.search(config, workdir, arguments[0])
    if hosts.is_first():
      print(found.table(rows))
  elif mode == "evaluate":
    vectors = [given.parse(spec) for spec in _VECTORS.value or ()]
    library.evaluate(
      config, workdir, vectors=vectors, normalize=bool(_NORMALIZE.value)
    )
  elif mode == "export":
    library.export(config, workdir)
  elif mode == "train":
    library.train(config, workdir)
  else:
    library.in_turn(config, workdir)


def _check_places(mode: str | None, workdir: pathlib.Path) -> None:
  """What can be told before seconds of imports."""
  from hybridret_jax.assembly import places

  if mode != "search":
    places.check_run(workdir)
  if mode in ("export", None) and _CONFIG.value is not None:
    places.export_target(workdir, _CONFIG.value.export.folder)


def _check_repeated(words: list[str]) -> None:
  """Refuses a list that is given twice; of other flags the last one counts.

  The lists would be put together, or one of them dropped, as the flag goes.
  """
  for name in command_line.repeated(words):
    value = _value(name)
    if isinstance(value, list | tuple):
      raise faults.Fault(
        f"--{name}",
        "it is given more than once",
        "give all that it is to hold at once",
      )
    logging.getLogger("hybridret_jax").warning(
      "--%s is given more than once; the last one counts: %r", name, value
    )


def _value(name: str) -> object:
  """What a flag or a setting of the config came to."""
  if name in flags.FLAGS:
    return flags.FLAGS[name].value
  value: Any = {"config": _CONFIG.value}
  for part in name.split("."):
    value = value.get(part) if hasattr(value, "get") else None
  return value


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
  """Shows what this package says; of its libraries, warnings in a line."""
  if not flags.FLAGS["verbosity"].present:
    absl_logging.set_verbosity(absl_logging.WARNING)
  ours = logging.getLogger("hybridret_jax")
  ours.setLevel(logging.INFO)
  ours.propagate = False
  handler = logging.StreamHandler()
  handler.setFormatter(_Visible("%(asctime)s %(message)s", "%H:%M:%S"))
  ours.handlers = [handler]
  theirs = logging.StreamHandler()
  theirs.setFormatter(ends.FirstLine("%(levelname)s %(name)s: %(message)s"))
  logging.getLogger().handlers = [theirs]
  if not ends.wants_traceback():
    # What threads and finalizers of libraries raise is no news of the run's.
    threading.excepthook = lambda given: _keep(given.exc_value)
    sys.unraisablehook = lambda given: _keep(given.exc_value)


class _Visible(logging.Formatter):
  """Our records: several lines may be, other control characters not."""

  def format(self, record: logging.LogRecord) -> str:
    return display.visible_lines(super().format(record))


def _keep(error: BaseException | None) -> None:
  if error is not None:
    ends.keep("".join(traceback.format_exception(error)))


def _end(error: BaseException) -> NoReturn:
  """Says in a line what ended the process, and ends it.

  At once: what libraries have to say about their own ends would follow.
  """
  if ends.wants_traceback():
    traceback.print_exception(error)
  if isinstance(error, KeyboardInterrupt):
    text, status = "interrupted; the same command goes on", _INTERRUPTED
  else:
    text, status = f"error: {ends.line(error)}", 1
  print(text, file=sys.stderr)
  terminal.flush()
  os._exit(status)


def run() -> None:
  """Parses the flags and runs; whatever comes up ends in a line."""
  try:
    app.run(main)
  except SystemExit:
    raise
  except BaseException as error:  # Panics of Rust are no Exceptions.
    if isinstance(error, KeyboardInterrupt) or flags.FLAGS.is_parsed():
      _end(error)
    # ml_collections and config files raise what they like.
    print(f"error: {_flag_problem(error)}", file=sys.stderr)
    sys.exit(1)


def _flag_problem(error: BaseException) -> str:
  """What is wrong with --config or a flag that names a setting of it."""
  said = str(error.args[0] if error.args else error)
  if isinstance(error, AttributeError):
    return said
  if not isinstance(error, KeyError):
    return f"--config: {type(error).__name__}: {said}"
  given = [
    argument.split("=")[0]
    for argument in sys.argv[1:]
    if argument.startswith("--config.")
    and said in argument.split("=")[0].split(".")
  ]
  if " " in said or not given:
    return f"--config: {said}"
  return f"{given[0]}: the config has no {said!r} there; its file lists all"


if __name__ == "__main__":
  run()
