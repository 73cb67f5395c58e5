"""The command line: flags, process start-up, and which verb.

`hybridret` is the same (`command.py`).
"""

import logging
import os
import pathlib
import signal
import sys
import traceback
from typing import Any, NoReturn

from hybridret_jax.ground import arguments as words
from hybridret_jax.ground import ends, faults, logs, terminal, told

if __name__ == "__main__":
  # Before any library takes the streams as they are, or opens a file.
  terminal.hold()
# Read by TensorFlow when it is first imported, by whatever library.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags  # noqa: E402

from hybridret_jax import command_flags, command_line  # noqa: E402

_TURNS = ("train", "evaluate", "export")
_PRINTING = ("search", "plan", "inspect")  # Their answer is what they print.
_INTERRUPTED = 130  # As of a process that SIGINT ends.


def main(argv: list[str]) -> None:
  """Runs what the flags say."""
  arguments = argv[1:]
  mode = command_flags.MODE.value
  _check_flags(mode, arguments)
  logs.quiet(flags.FLAGS["verbosity"].present > 0)
  _check_repeated(sys.argv[1:])
  _do(mode, arguments)
  why = terminal.lost()
  if why is not None and mode in _PRINTING:
    raise OSError(why.errno, why.strerror, "standard output")


def _check_flags(mode: str | None, arguments: list[str]) -> None:
  """Raises a Usage of flags that do not go together."""
  given = {
    name: flags.FLAGS[name].value
    for name in command_line.ALL_FLAGS
    if flags.FLAGS[name].present  # Its default may be given too.
  }
  if command_flags.WORKDIR.value is not None:
    given["workdir"] = command_flags.WORKDIR.value
  if command_flags.CONFIG.value is not None:
    given["config"] = True
  command_line.check(mode or command_line.RUN, given, arguments)
  is_study = (
    command_flags.CONFIG.value is not None
    and "grids" in command_flags.CONFIG.value
  )
  if command_flags.CONFIG.value is not None and is_study != (mode == "study"):
    raise command_line.Usage(
      "a config of configs/study/ goes with study, and no other does"
    )


def _do(mode: str | None, arguments: list[str]) -> None:
  # Imported here: a wrong flag is told before seconds of imports.
  if mode == "study":
    _study(pathlib.Path(str(command_flags.WORKDIR.value)))
    return
  if command_flags.DRY_RUN.value:
    from hybridret_jax import dry_runs
    from hybridret_jax.parallel import hosts

    lines = dry_runs.told(mode, **_inputs(mode, arguments))
    if hosts.is_first():
      print(lines)
    return
  if mode == "plan":
    _plan()
    return
  from hybridret_jax.parallel import hosts

  limit = command_flags.TIME_LIMIT.value
  with (
    hosts.heeding(),
    told.interruptible(),
    told.within(None if limit is None else told.before(60 * limit)),
  ):
    _do_here(mode, _inputs(mode, arguments))


def _do_here(mode: str | None, given: dict[str, Any]) -> None:
  from hybridret_jax import library, looking
  from hybridret_jax.parallel import hosts
  from hybridret_jax.reporting import found

  if mode == "search":
    rows = library.search(**given)
    if hosts.is_first():
      print(found.table(rows))
  elif mode == "report":
    library.compare(**given)
  elif mode == "verify":
    _verify(**given)
  elif mode == "audit":
    print(f"{looking.audit(**given)} steps agree.")
  elif mode == "inspect":
    _inspect(**given)
  elif mode == "replay":
    _replay(**given)
  elif mode == "mine":
    made = library.mine(**given)
    if hosts.is_first():
      print("\n".join(map(str, made)))
  elif mode in ("encode", "trim", "convert"):
    counts = getattr(library, mode)(**given)
    if hosts.is_first():
      print("\n".join(f"{what}: {found}" for what, found in counts.items()))
  else:
    getattr(library, mode or "in_turn")(**given)


def _replay(**given: Any) -> None:
  from hybridret_jax import looking
  from hybridret_jax.verbs import replay

  found = looking.replay(**given)
  print("\n".join(replay.told(found)))
  if not found.is_reproduced:
    sys.exit(1)


def _verify(folder: pathlib.Path) -> None:
  from hybridret_jax.verbs import verify

  found = verify.verify(folder)
  print("\n".join(f"{x.state:<10} {x.place}: {x.about}" for x in found))
  if any(x.state == verify.DAMAGED for x in found):
    sys.exit(1)


def _inspect(config: Any, workdir: pathlib.Path) -> None:
  from hybridret_jax import looking
  from hybridret_jax.reporting import inspected
  from hybridret_jax.verbs import inspect

  print(inspected.table(looking.inspect(config, workdir)))
  print(f"\n{workdir / inspect.PAGE} has it all, with examples and batches.")


def _inputs(mode: str | None, arguments: list[str]) -> dict[str, Any]:
  """What the flags say, as the arguments of the function of `library`."""
  if mode == "plan":
    return {
      "config": command_flags.CONFIG.value,
      "topology": command_flags.TOPOLOGY.value,
    }
  workdir = pathlib.Path(str(command_flags.WORKDIR.value))
  if mode == "verify":
    return {"folder": workdir}
  if mode == "report":
    return {
      "runs": command_flags.RUNS.value,
      "out": workdir,
      "baseline": command_flags.BASELINE.value,
    }
  if mode == "convert":
    return {"model": command_flags.MODEL.value, "folder": workdir}
  if mode == "trim":
    from hybridret_jax.verbs import trim

    files = str(command_flags.CORPUS.value).split(",")
    return {
      "model": command_flags.MODEL.value,
      "texts": trim.Texts(files, command_flags.LANGUAGES.value or ()),
      "folder": workdir,
    }
  if mode == "encode":
    return {
      "model": command_flags.MODEL.value,
      "corpus": command_flags.CORPUS.value,
      "folder": workdir,
      "side": command_flags.SIDE.value,
      "dtype": command_flags.DTYPE.value,
      "index": command_flags.INDEX.value,
    }
  given: dict[str, Any] = {
    "config": command_flags.CONFIG.value,
    "workdir": workdir,
  }
  if mode == "search":
    given["query"] = arguments[0]
  if mode == "export":
    given["push"] = command_flags.PUSH.value
  if mode == "audit":
    from hybridret_jax.verbs import audit

    given["steps"] = audit.parse(command_flags.STEPS.value)
  if mode == "replay":
    given["step"] = command_flags.BUNDLE.value
  if mode == "mine":
    given["model"] = command_flags.MODEL.value
  if mode in ("evaluate", "mine"):
    from hybridret_jax.assembly import given as vectors

    given["vectors"] = [
      vectors.parse(spec) for spec in command_flags.VECTORS.value or ()
    ]
    given["normalize"] = bool(command_flags.NORMALIZE.value)
  return given


def _check_repeated(given: list[str]) -> None:
  """Refuses a list that is given twice; of other flags the last one counts.

  The lists would be put together, or one of them dropped, as the flag goes.
  """
  for name in words.repeated(given):
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
  value: Any = {"config": command_flags.CONFIG.value}
  for part in name.split("."):
    value = value.get(part) if hasattr(value, "get") else None
  return value


def _study(workdir: pathlib.Path) -> None:
  from hybridret_jax import study

  status = study.study(
    command_flags.CONFIG.value,
    workdir,
    cell=command_flags.CELL.value or "",
    shard=command_flags.SHARD.value or "",
    report_only=bool(command_flags.REPORT_ONLY.value),
    join=command_flags.JOIN.value or (),
    dry_run=bool(command_flags.DRY_RUN.value),
    command=[sys.executable, "-m", "hybridret_jax.main", *sys.argv[1:]],
  )
  if status:
    sys.exit(status)


def _plan() -> None:
  from hybridret_jax import preflight

  try:
    means = [float(number) for number in command_flags.MEAN_TOKENS.value]
  except ValueError as error:
    raise ValueError(f"--mean_tokens: {error}; give QUERY,PASSAGE") from error
  fits = preflight.plan(
    command_flags.CONFIG.value,
    pathlib.Path(command_flags.WORKDIR.value)
    if command_flags.WORKDIR.value
    else None,
    topology=command_flags.TOPOLOGY.value or "",
    mean_tokens=means,
    shortest=command_flags.SHORTEST.value or 0,
    search=command_flags.SEARCH.value,
    utilisation=command_flags.UTILISATION.value or 0.0,
  )
  if not fits:
    sys.exit(1)


def _end(error: BaseException) -> NoReturn:
  """Says in a line what ended the process, and ends it.

  At once: what libraries have to say about their own ends would follow.
  """
  if ends.wants_traceback():
    traceback.print_exception(error)
  if isinstance(error, KeyboardInterrupt):
    text, status = "interrupted; the same command goes on", _INTERRUPTED
  elif isinstance(error, told.ToldToEnd):
    what = "interrupted" if error.number == signal.SIGINT else str(error)
    text = f"{what}; the same command goes on"
    status = told.status(error.number)
  else:
    text, status = f"error: {ends.line(error)}", 1
  text, status = _in_job(error, text, status)
  print(text, file=sys.stderr)
  terminal.flush()
  os._exit(status)


def _in_job(error: BaseException, text: str, status: int) -> tuple[str, int]:
  """Line and status where another process of the job may be at fault.

  If it is not, the others are told the line that ends this one.
  """
  if "hybridret_jax.parallel.watch" not in sys.modules:
    return text, status
  from hybridret_jax.parallel import watch

  of_another = watch.why() if watch.is_of_another(error) else None
  if of_another is not None:
    text, status = f"error: {of_another.line}", of_another.status
  watch.stop(text if status == 1 and of_another is None else None)
  return text, status


def run() -> None:
  """Parses the flags and runs; whatever comes up ends in a line."""
  program = pathlib.Path(sys.argv[0]).name
  if program == "main.py":
    program = "python -m hybridret_jax.main"
  try:
    given = sys.argv[1:]
    if not given or {"--help", "-h", "--helpfull"} & set(given):
      meanings = {
        name: flags.FLAGS[name].help or "" for name in command_line.ALL_FLAGS
      }
      print(command_line.help_text(meanings, program))
      return
    if given == ["settings"]:
      from hybridret_jax import explained

      print(explained.text())
      return
    sys.argv[1:] = command_line.rewritten(given)
    app.run(main, flags_parser=_parse)
  except SystemExit:
    raise
  except BaseException as error:  # Panics of Rust are no Exceptions.
    ours = (
      *(KeyboardInterrupt, told.ToldToEnd),
      *(command_line.Usage, flags.Error, faults.Fault),
    )
    if isinstance(error, ours) or flags.FLAGS.is_parsed():
      _end(error)
    # ml_collections and config files raise what they like.
    print(
      f"error: {command_line.flag_problem(error, sys.argv[1:])}",
      file=sys.stderr,
    )
    sys.exit(1)


def _parse(argv: list[str]) -> list[str]:
  """The words behind the flags; without absl's page of help on an error."""
  return flags.FLAGS(argv)


if __name__ == "__main__":
  run()
