"""Plants the bugs one after another and says which test caught each."""

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile
import textwrap
from collections.abc import Sequence

from tests import mutations as package
from tests.mutations import planted, trial

ROOT = pathlib.Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
  """Status 0 if every chosen bug is caught (or listed), else 1."""
  args = _parse(arguments)
  chosen = [planted.ALL[name] for name in args.only or planted.ALL]
  if args.list:
    for mutation in chosen:
      print(_described(mutation))
    return 0
  with tempfile.TemporaryDirectory(prefix="mutations_") as folder:
    copy = pathlib.Path(folder) / "repository"
    trial.copy(ROOT, copy)
    tests = sorted({test for mutation in chosen for test in mutation.tests})
    print(f"{len(tests)} tests as the code is …", flush=True)
    problem = trial.unplanted(tests, copy)
    if problem:
      print(f"They do not pass; mend that first:\n{problem}")
      return 1
    verdicts = []
    for number, mutation in enumerate(chosen, start=1):
      print(f"[{number}/{len(chosen)}] {mutation.name} …", flush=True)
      verdicts.append(trial.planted(mutation, copy))
      print(_told(verdicts[-1]), flush=True)
      if args.json:
        rows = [dataclasses.asdict(verdict) for verdict in verdicts]
        args.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
  caught = sum(verdict.outcome == trial.CAUGHT for verdict in verdicts)
  print(f"{caught} of {len(verdicts)} caught")
  return int(caught < len(verdicts))


def _parse(arguments):
  parser = argparse.ArgumentParser(
    prog="python -m tests.mutations",
    description=package.__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument(
    "--only", nargs="+", metavar="NAME", choices=planted.ALL, help="only these"
  )
  parser.add_argument("--list", action="store_true", help="say what they are")
  parser.add_argument("--json", type=pathlib.Path, help="verdicts as a file")
  return parser.parse_args(arguments)


def _described(mutation):
  where = f"{mutation.file}; {', '.join(mutation.tests)}"
  by = f" ({mutation.known_from})" if mutation.known_from else ""
  return f"{mutation.name}: {mutation.bug}{by}\n  {where}"


def _told(verdict):
  told = f"  {verdict.outcome} {verdict.test} ({verdict.seconds:.0f} s)"
  return f"{told}\n{textwrap.indent(verdict.said, '    ')}"


if __name__ == "__main__":
  sys.exit(main())
