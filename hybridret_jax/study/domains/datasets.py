"""Data of a comparison of two domains: equal parallel sets, all that each has.

Besides a task of texts held out of one of them, and a task to choose settings
on that neither was trained on.
"""

import dataclasses
import gzip
import json
import pathlib
from collections.abc import Sequence

import numpy as np

from hybridret_jax.data import matching, sources, splits
from hybridret_jax.study.domains import manifest, tasks

DOMAINS = ("legal", "generic")
HELD_OUT = "legal_held_out"
SCHEMA = 1  # Of manifest.json.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
  """What a study's data are made of; sources are folders of that name.

  Attributes:
    languages: training languages of the parallel sets.
    legal: sources of the legal domain.
    generic: sources of the other.
    kinds: (source, kind) of the sources with parallel texts, of both domains:
      how their queries were made. Others serve `legal/` and `generic/` only.
    about_law: beginnings of names of generic groups that are about law; they
      are in neither domain.
    development: source to choose settings on. Blocks that it shares with other
      sources are not trained on.
    held_share: share of the parallel legal sources' blocks that are held out.
    held_native: blocks of the other legal sources that are held out, in each
      language.
    least_held: see `tasks.held_out`.
    least_blocks: that each training language has to keep, such as the batch
      size: a monolingual batch holds a block once.
    seed: of what is held out, and of ties.
  """

  languages: Sequence[str]
  legal: Sequence[str]
  generic: Sequence[str]
  kinds: Sequence[tuple[str, str]]
  about_law: Sequence[str]
  development: str
  held_share: float
  held_native: int
  least_held: int
  least_blocks: int
  seed: int


@dataclasses.dataclass(frozen=True)
class Split:
  """Where the rows of a corpus may stand; no block is in two of the masks.

  Attributes:
    legal: bool [rows], of the legal sources.
    trainable: bool [rows], of either domain, may be trained on.
    held: bool [rows], of the legal sources, held out of training.
    development: bool [rows], of the development source.
    dropped: domain and reason -> rows that are not trained on.
  """

  legal: np.ndarray
  trainable: np.ndarray
  held: np.ndarray
  development: np.ndarray
  dropped: dict[str, dict[str, int]]


def prepare(
  out: str | pathlib.Path, *, folder: str | pathlib.Path, **settings
) -> None:
  """Writes a study's data into `out`; equal arguments write equal bytes.

  - `legal_parallel/`, `generic_parallel/`: sources of as many groups, see
    `matching.match`; each group is in a block of its own and in two or more of
    the training languages, and every row is a monolingual pair too. A batch
    drawn from one holds the matches of the groups that it holds drawn from the
    other, in the same languages.
  - `legal/SOURCE/`, `generic/SOURCE/`: all that may be trained on, in all
    languages, rows that are translations included.
  - `legal_held_out/`: a task out of blocks of the legal sources that are in
    none of these, in all languages that suffice; one group of each block.
  - the development source as a task of its own name, in the training languages.
  - `manifest.json`: what is in each, how it was matched, what was left out.

  No block stands in two of training, held-out and development data.

  Args:
    out: an empty folder, or one to be made.
    folder: where the sources are.
    settings: of `Settings`.

  Raises:
    FileNotFoundError: a source is not in `folder`.
    ValueError: records are wrong, a name is unknown, a language keeps too few
      blocks, or generic groups do not suffice.
  """
  out, made = pathlib.Path(out), Settings(**settings)
  corpus = _read(folder, made)
  split = _split(corpus, made)
  candidates, pool = (
    matching.groups(
      corpus,
      split.trainable & side,
      kinds=dict(made.kinds),
      languages=made.languages,
    )
    for side in (split.legal, ~split.legal)
  )
  wanted = matching.one_per_block(candidates, seed=made.seed)
  _check_blocks(wanted, made)
  matched = matching.match(wanted, pool, seed=made.seed)
  sets = dict(zip(DOMAINS, (wanted, matched), strict=True))
  everything = _everything(corpus, split, made)
  judged = _tasks(corpus, split, made)
  counted = {
    "schema": SCHEMA,
    "settings": dataclasses.asdict(made) | {"kinds": dict(made.kinds)},
    "parallel": {
      domain: manifest.of_parallel(corpus, groups)
      for domain, groups in sets.items()
    },
    "matching": {
      "groups_to_choose_from": {
        domain: len(groups)
        for domain, groups in zip(DOMAINS, (candidates, pool), strict=True)
      },
      **manifest.of_matches(wanted, matched),
    },
    "everything": {
      domain: manifest.counts(corpus, np.concatenate(list(rows.values())))
      for domain, rows in everything.items()
    },
    "tasks": {n: manifest.of_task(task) for n, task in judged.items()},
    "dropped_rows": split.dropped,
  }
  for domain, groups in sets.items():
    write_source(out / f"{domain}_parallel", corpus, _rows(groups))
    for name, rows in everything[domain].items():
      write_source(out / domain / name, corpus, rows)
  for name, task in judged.items():
    tasks.write(out / name, task)
  text = json.dumps(counted, ensure_ascii=False, indent=2)
  (out / "manifest.json").write_text(text + "\n", encoding="utf-8")


def write_source(
  folder: pathlib.Path, corpus: sources.Corpus, rows: np.ndarray
) -> None:
  """The rows (indices) as `<language>.jsonl.gz`, in order.

  Raises:
    ValueError: there is no row.
  """
  if not len(rows):
    raise ValueError(
      f"{folder.parent.name}/{folder.name} has no row left to train on; leave"
      " the source out, or hold out less"
    )
  folder.mkdir(parents=True)
  lines: dict[str, list[str]] = {}
  for row in np.asarray(rows).tolist():
    record = _record(corpus, row)
    line = json.dumps(record, ensure_ascii=False) + "\n"
    lines.setdefault(record["lang"], []).append(line)
  for language, of_it in lines.items():
    # The time is not written, so that equal rows give equal bytes.
    text = gzip.compress("".join(of_it).encode(), 6, mtime=0)
    (folder / f"{language}.jsonl.gz").write_bytes(text)


def _read(folder, settings):
  """All sources as one corpus, under the names of the settings."""
  names = (*settings.legal, *settings.generic, settings.development)
  for name, _ in settings.kinds:
    if name not in names[:-1]:
      raise ValueError(
        f"kinds names {name!r}, no source of legal or generic; name it there or"
        " leave it out"
      )
  corpus = sources.read([pathlib.Path(folder) / name for name in names])
  # A linked folder is read under the name of what it links to.
  return dataclasses.replace(corpus, sources=names)


def _split(corpus, settings) -> Split:
  is_legal = _of_sources(corpus, settings.legal)
  is_development = _of_sources(corpus, (settings.development,))
  reasons = {
    "in a held-out block": _held_blocks(corpus, is_legal, settings),
    "in a block of the development set": _blocks_of(corpus, is_development),
    "about law": ~is_legal
    & np.array(
      [name.startswith(tuple(settings.about_law)) for name in corpus.groups]
    )[corpus.group_row],
  }
  held, in_development, _ = reasons.values()
  return Split(
    legal=is_legal,
    trainable=~np.any(list(reasons.values()), axis=0),
    held=is_legal & held & ~in_development,
    development=is_development,
    dropped={
      domain: {why: int((mask & side).sum()) for why, mask in reasons.items()}
      for domain, side in zip(
        DOMAINS, (is_legal, ~is_legal & ~is_development), strict=True
      )
    },
  )


def _held_blocks(corpus, is_legal, settings):
  """Rows of all sources that are in a held-out block, bool [rows]."""
  is_parallel = is_legal & _of_sources(corpus, dict(settings.kinds))
  parallel = np.flatnonzero(is_parallel)
  chosen = splits.held_out(
    sources.select(corpus, parallel),
    share=settings.held_share,
    seed=settings.seed,
  )
  held = _blocks_of(corpus, parallel[chosen])
  for language in range(len(corpus.languages)):
    native = is_legal & ~is_parallel & (corpus.language_row == language)
    blocks = np.unique(corpus.block_row[native])
    order = matching.drawn(
      [corpus.blocks[block] for block in blocks], seed=settings.seed
    )
    chosen = blocks[order[: settings.held_native]]
    held |= np.isin(corpus.block_row, chosen)
  return held


def _everything(corpus, split, settings):
  """Domain to source to the rows of it that may be trained on."""
  return {
    domain: {
      name: np.flatnonzero(split.trainable & _of_sources(corpus, (name,)))
      for name in names
    }
    for domain, names in zip(
      DOMAINS, (settings.legal, settings.generic), strict=True
    )
  }


def _tasks(corpus, split, settings):
  kinds = dict(settings.kinds)
  return {
    HELD_OUT: tasks.held_out(
      corpus,
      split.held,
      name=HELD_OUT,
      parallel=[name for name in settings.legal if name in kinds],
      native=[name for name in settings.legal if name not in kinds],
      least=settings.least_held,
      seed=settings.seed,
    ),
    settings.development: tasks.development(
      corpus,
      split.development,
      name=settings.development,
      languages=settings.languages,
    ),
  }


def _check_blocks(wanted, settings):
  kept = {
    language: sum(language in group.rows for group in wanted)
    for language in settings.languages
  }
  few = [
    f"language {language} keeps {count} blocks of parallel legal groups, a"
    f" monolingual batch needs {settings.least_blocks} (least_blocks)"
    for language, count in kept.items()
    if count < settings.least_blocks
  ]
  if few:
    raise ValueError(
      "\n".join(few)
      + f"\nlower held_share ({settings.held_share}), leave the language out"
      " of languages, or use smaller batches"
    )


def _rows(groups):
  """In the order of the groups: a group stands where its match does.

  So batch t of a seed holds matched groups, in the same languages.
  """
  return np.array([row for group in groups for row in group.rows.values()])


def _blocks_of(corpus, rows):
  """Rows that are in a block of `rows`, bool [rows]."""
  return np.isin(corpus.block_row, corpus.block_row[rows])


def _of_sources(corpus, names):
  chosen = [i for i, name in enumerate(corpus.sources) if name in names]
  return np.isin(corpus.source_row, chosen)


def _record(corpus, row):
  query = corpus.query_row[row]
  record = {
    "id": corpus.ids[row],
    "group": corpus.groups[corpus.group_row[row]],
    "lang": corpus.languages[corpus.language_row[row]],
    "query": corpus.texts[query] if query >= 0 else "",
    "passage": corpus.texts[corpus.passage_row[row]],
    "source": corpus.sources[corpus.source_row[row]],
    "block": corpus.blocks[corpus.block_row[row]],
  }
  start, end = corpus.negative_offsets[row : row + 2]
  if end > start:
    record["negatives"] = [
      corpus.texts[text] for text in corpus.negative_values[start:end]
    ]
  return record
