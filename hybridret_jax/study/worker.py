"""A grid of runs to one comparison: cells, shared by workers, then the report.

A worker only starts processes and looks after them, so a cell that runs out of
memory ends none but its own. Workers know of one another by what stands in the
study's folder. Heavy imports are left to the processes that need them.
"""

import logging
import pathlib
import time
from collections.abc import Sequence

import ml_collections

from hybridret_jax.assembly import places
from hybridret_jax.ground import leases
from hybridret_jax.study import child_processes, design, ledger

_LOG = logging.getLogger(__name__)
NEXT = "next"  # In the place of a cell: the next that can be had.
REPORT = "report"
BUSY = 75  # Exit status when no cell can be had now.
_STRANGE = 3  # Processes in a row that ended before they took a cell.
_POLL = 5.0


def study(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  *,
  cell: str = "",
  shard: str = "",
  report_only: bool = False,
  join: Sequence[str] = (),
  dry_run: bool = False,
  command: Sequence[str] = (),
) -> int:
  """Works on a study until nothing is left of it, then writes its report.

  What is finished is not run again, so the same command goes on. Any number of
  processes may do so in one folder, on machines that share it.

  Args:
    config: of the study; see docs/study.md.
    workdir: its folder.
    cell: a key, name or index runs that cell alone, "next" one that is waiting;
      no report.
    shard: "I/N" leaves all cells but those whose index is I modulo N.
    report_only: writes the report of what is finished.
    join: folders of reports of other parts of the study, made where its folder
      is not, which this report is joined with.
    dry_run: prepares the data, checks every cell, and lists them.
    command: what starts this program with its flags, to which more are added.

  Returns:
    The exit status: 0, 1 if a cell failed, `BUSY`, 143 when told to end.

  Raises:
    ValueError: a flag, the config, the data, or a folder of another study.
  """
  if sum(map(bool, (cell, report_only, dry_run))) > 1:
    raise ValueError(
      "--cell, --report_only and --dry_run exclude one another; give one"
    )
  if join and not report_only:
    raise ValueError("--join goes with --report_only; give both")
  workdir = workdir.absolute()
  cells = design.cells(config)
  mine = _share(cells, shard)
  places.check_study(workdir)
  ledger.claim(config, cells, workdir)
  if dry_run:
    return _check(config, cells, workdir)
  if report_only:
    return _report(config, cells, workdir, join)
  if cell:
    return _run(config, cells, mine, workdir, cell)
  with child_processes.Children(command) as children:
    status = _work(config, cells, mine, workdir, children)
    return child_processes.ENDED if children.told else status


def _share(cells, shard) -> list[design.Cell]:
  """The cells of a shard; all without one."""
  if not shard:
    return list(cells)
  index, _, count = shard.partition("/")
  if not (index.isdecimal() and count.isdecimal()) or int(index) >= int(count):
    raise ValueError(f"--shard={shard}: write I/N with I from 0 to N - 1")
  return list(cells[int(index) :: int(count)])


def _check(config, cells, workdir) -> int:
  from hybridret_jax.assembly import devices
  from hybridret_jax.parallel import hosts
  from hybridret_jax.study import preparation

  devices.start(design.run_config(config, cells[0], workdir))
  if hosts.is_first():
    preparation.prepare(config, workdir)
  hosts.sync("study prepared")
  standing = ledger.states(config, cells, workdir)
  left = [cell for cell in cells if standing[cell.key] != "done"]
  preparation.whole(config, left, workdir)
  if hosts.is_first():
    print("\n".join(ledger.table(cells, standing)))
    print(ledger.counted(standing))
  return 0


def _work(config, cells, mine, workdir, children) -> int:
  """A worker: cell after cell, each in a process of its own."""
  status = children.run("--dry_run")
  if status:
    return abs(status)
  for cell in mine:
    folder = ledger.place(workdir, cell)
    if (folder / ledger.DONE).is_file():
      ledger.tidy(folder, keep=config.keep_checkpoints)
    else:  # Running again retries.
      (folder / ledger.FAILED).unlink(missing_ok=True)
  strange, said = 0, ""
  while not children.told:
    standing = ledger.states(config, mine, workdir)
    said = _tell(workdir, standing, said)
    if "waiting" in standing.values():
      status = children.run(f"--cell={NEXT}")
      if children.told or child_processes.was_ended(status):
        _after(mine, workdir, children.pid, None)
        break
      _after(mine, workdir, children.pid, status)
      now = ledger.states(config, mine, workdir)
      if status == BUSY:
        children.sleep(_POLL)
      strange = (
        strange + 1 if status not in (0, BUSY) and now == standing else 0
      )
      if strange == _STRANGE:
        _LOG.error("A cell's process ended with status %d; see above.", status)
        return 1
    elif "running" in standing.values():
      children.sleep(_POLL)
    else:
      return _end(config, cells, standing, workdir, children)
  return child_processes.ENDED


def _tell(workdir, standing, before) -> str:
  """Logs how the cells stand if that is news; says it."""
  text = ledger.counted(standing)
  if text != before:
    left = ledger.seconds_left(workdir, standing)
    minutes = "" if not left else f"; about {left / 60:.0f} min left"
    _LOG.info("%s%s.", text, minutes)
  return text


def _after(cells, workdir, pid, status) -> None:
  """Names the cell that a process has left behind, and gives it back.

  Args:
    cells: among which it is.
    workdir: of the study.
    pid: of the process, which has ended.
    status: that it ended with; None if it was told to.
  """
  for cell in cells:
    folder = ledger.place(workdir, cell)
    lease = leases.end_of(folder, pid)
    if lease is None:
      continue
    if status is not None:
      how = child_processes.why(status)
      ledger.fail(folder, f"its process was ended by {how}")
      _LOG.warning("%s failed: ended by %s.", cell.name, how)
    leases.give_back(lease)


def _end(config, cells, standing, workdir, children) -> int:
  """The report, if nothing is left of the whole study; the exit status."""
  failed = [cell for cell in cells if standing.get(cell.key) == "failed"]
  whole = ledger.states(config, cells, workdir)
  status = 0
  if {"waiting", "running"} & set(whole.values()):
    _LOG.info("Others are at work, so no report yet.")
  elif "done" in whole.values():
    with leases.in_turn(
      workdir / ".reporting", lease_seconds=config.lease_seconds
    ):
      if not _is_reported(workdir):
        # It needs no accelerator, and one process.
        alone = {"JAX_PLATFORMS": "cpu", "JAX_NUM_PROCESSES": "1"}
        status = children.run("--report_only", **alone)
  if len(ledger.codes(workdir, whole)) > 1:
    _LOG.warning(
      "The code has changed while cells were run (`code` in done.json): remove"
      " the folders of older ones to run them again."
    )
  for cell in failed:
    folder = ledger.place(workdir, cell)
    _LOG.error(
      "%s failed: %s (%s)",
      cell.name,
      ledger.failure(folder),
      folder / ledger.FAILED,
    )
  if failed:
    _LOG.error("Run again to retry what failed.")
  return abs(status) or int(bool(failed))


def _is_reported(workdir) -> bool:
  """Whether the report is younger than all that it is made of."""
  try:
    made = (workdir / REPORT / "study.json").stat().st_mtime
  except FileNotFoundError:
    return False
  sources = [
    workdir / ledger.STUDY,
    *workdir.glob(f"cells/*/{ledger.DONE}"),
  ]
  return all(path.stat().st_mtime < made for path in sources)


def _report(config, cells, workdir, join) -> int:
  from hybridret_jax.study import joining, outcomes, report

  parts = {folder: joining.read(folder) for folder in join}
  standing = ledger.states(config, cells, workdir)
  finished = [
    outcomes.Finished(cell, ledger.place(workdir, cell))
    for cell in cells
    if standing[cell.key] == "done"
  ]
  if not finished and not parts:
    raise ValueError(f"{workdir} has no finished cell yet; run it first")
  page = report.write(config, finished, workdir / REPORT, parts=parts)
  joined = f", joined with {', '.join(parts)}" if parts else ""
  print(f"{ledger.counted(standing)}{joined}. Report: {page}")
  return 0


def _run(config, cells, mine, workdir, wanted) -> int:
  """One cell, in this process and those that it has joined."""
  begun = time.monotonic()
  from hybridret_jax.assembly import check, devices, inputs
  from hybridret_jax.parallel import hosts
  from hybridret_jax.study import preparation, turn
  from hybridret_jax.verbs import evaluate, export, train

  verbs = {
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "export": export.export,
  }
  by_name = wanted != NEXT
  if by_name:
    mine = [design.find(cells, wanted)]
  devices.start(design.run_config(config, cells[0], workdir))
  if hosts.is_first():
    preparation.prepare(config, workdir)
  cell, lease = turn.take(config, mine, workdir, retry=by_name)
  if cell is None:
    return _none(mine[0], workdir) if by_name else BUSY
  folder = ledger.place(workdir, cell)
  if not by_name:
    turn.log_to(folder)
  with turn.turn(config, workdir, cell, lease):
    run = design.run_config(config, cell, workdir)
    modes = design.modes(config, cell)
    read = inputs.Inputs()
    check.whole(run, modes, read)
    for mode in modes:
      verbs[mode](run, folder, read)
    hosts.sync("cell done")
  if lease and not ledger.finish(
    folder,
    lease,
    seconds=time.monotonic() - begun,
    keep=config.keep_checkpoints,
  ):
    return turn.LOST
  return 0


def _none(cell, workdir) -> int:
  folder = ledger.place(workdir, cell)
  if (folder / ledger.DONE).is_file():
    _LOG.info("%s is finished.", cell.name)
    return 0
  _LOG.info("%s is running elsewhere.", cell.name)
  return BUSY
