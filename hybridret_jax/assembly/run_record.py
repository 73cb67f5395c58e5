"""What a run was made from, by its content: data, tokenizer and start.

Kept as record.json beside the run's config.json, so that neither a run that
goes on nor one that is judged or shipped takes other inputs of the same name.
"""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

from hybridret_jax.assembly import model
from hybridret_jax.data import lexicons as lexicons_lib
from hybridret_jax.data import sources, tokenizer_files
from hybridret_jax.ground import digests, faults, writing
from hybridret_jax.models import huggingface

FILE = "record.json"
SCHEMA = 1
_BACK = (
  "bring back what the run was trained with, or train with what there is now in"
  " another --workdir"
)


def of(
  corpus: sources.Corpus,
  made: model.Model,
  found: lexicons_lib.Lexicons | None = None,
) -> dict[str, Any]:
  """The record of what training reads.

  Args:
    corpus: as it was read, whatever was selected from it.
    made: the model that training starts from.
    found: lexicons, where texts are code-switched.

  Returns:
    `schema`; `sources`, a list of `name` and `sha256` in the config's order;
    `lexicons`, each with its SHA-256;
    `tokenizer` and `start`, each file that is read with its SHA-256. A start
    from scratch has no files: it follows from the settings.
  """
  return {
    "schema": SCHEMA,
    "sources": [
      {"name": name, "sha256": sha256}
      for name, sha256 in zip(corpus.sources, corpus.sha256, strict=True)
    ],
    "lexicons": {} if found is None else dict(found.sha256),
    "tokenizer": tokenizer_of(made.tokenizer_folder),
    "start": start_of(made.folder),
  }


def tokenizer_of(folder: pathlib.Path) -> dict[str, str]:
  """The SHA-256 of each file that the tokenizer in `folder` follows from."""
  return _hashed(tokenizer_files.paths(folder), folder)


def start_of(
  folder: pathlib.Path | None, *, weights: bool = True
) -> dict[str, str]:
  """The SHA-256 of each file of a start that is read; its weights if wanted."""
  if folder is None:
    return {}
  return _hashed(huggingface.files(folder, weights=weights), folder)


def save(workdir: pathlib.Path, record: dict[str, Any]) -> None:
  """Writes the record into the run's folder."""
  writing.write(workdir / FILE, json.dumps(record, indent=2) + "\n")


def load(workdir: pathlib.Path) -> dict[str, Any] | None:
  """The run's record; None where it has none, being of an older version.

  Raises:
    Fault: it cannot be read.
  """
  path = workdir / FILE
  if not path.is_file():
    return None
  mend = "bring it back from where the run was copied from"
  try:
    record = json.loads(path.read_text("utf-8"))
  except ValueError as error:
    raise faults.Fault(path, f"is no JSON ({error})", mend) from error
  if not isinstance(record, dict) or record.get("schema") != SCHEMA:
    raise faults.Fault(path, f"has another schema than {SCHEMA}", mend)
  missing = {"sources", "tokenizer", "start"} - record.keys()
  if missing:
    raise faults.Fault(path, f"lacks {', '.join(sorted(missing))}", mend)
  return record


def check(
  workdir: pathlib.Path,
  record: dict[str, Any],
  *,
  corpus: sources.Corpus | None = None,
  lexicons: lexicons_lib.Lexicons | None = None,
  made: model.Model | None = None,
  weights: bool = True,
) -> None:
  """Compares what is used with what the run was made from.

  Args:
    workdir: of the run.
    record: of the run.
    corpus: the data, where they are used.
    lexicons: of code-switching, where they are used.
    made: the model, for its tokenizer and start.
    weights: whether the start's weights are used, and not its shape alone.

  Raises:
    Fault: naming every source and file that is not what it was.
  """
  found = []
  if corpus is not None:
    found += _other_sources(record["sources"], corpus)
  if lexicons is not None:
    # Settings of the run name the lexicons; here it is what they hold.
    before = record.get("lexicons", {})
    found += [
      f"lexicon {name!r} does not hold what the run was trained with"
      for name, sha256 in lexicons.sha256.items()
      if before.get(name) != sha256
    ]
  if made is not None:
    found += [
      f"tokenizer {made.tokenizer_folder}: {how}"
      for how in other_files(
        record["tokenizer"], tokenizer_of(made.tokenizer_folder)
      )
    ]
    start = record["start"]
    if not weights:
      start = {
        name: sha256
        for name, sha256 in start.items()
        if not huggingface.is_weights(name)
      }
    found += [
      f"start {made.folder}: {how}"
      for how in other_files(start, start_of(made.folder, weights=weights))
    ]
  if found:
    raise faults.Fault(workdir, "; ".join(found), _BACK)


def other_files(before: dict[str, str], now: dict[str, str]) -> list[str]:
  """How files with their SHA-256 differ from those of a record; told."""
  found = []
  for name in sorted(before.keys() | now.keys()):
    if name not in now:
      found.append(f"{name} is gone, and the run was trained with it")
    elif name not in before:
      found.append(f"{name} is new since the run was trained")
    elif before[name] != now[name]:
      found.append(f"{name} is not what the run was trained with")
  return found


def _hashed(files: list[pathlib.Path], folder: pathlib.Path) -> dict[str, str]:
  return {
    path.relative_to(folder).as_posix(): digests.of_file(path) for path in files
  }


def _other_sources(before, corpus) -> Iterator[str]:
  now = dict(enumerate(zip(corpus.sources, corpus.sha256, strict=True)))
  for number, one in enumerate(before):
    name, sha256 = now.pop(number, ("", ""))
    if not name:
      yield f"the run was trained on the source {one['name']!r}, which is gone"
    elif sha256 != one["sha256"]:
      yield (
        f"source {name!r} does not hold what the run was trained on (SHA-256"
        f" {one['sha256'][:12]}… then, {sha256[:12]}… now)"
      )
  for name, _ in now.values():
    yield f"the run was not trained on the source {name!r}"
