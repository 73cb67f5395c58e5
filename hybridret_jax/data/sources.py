"""Reads text pairs from folders, files and TFDS into one checked table."""

import pathlib
from collections.abc import Sequence

import numpy as np

from hybridret_jax.data import corpus_table, identity, records
from hybridret_jax.ground import digests, faults, fields, reading
from hybridret_jax.ground import languages as tags

# What sources are read into goes by this room's name.
Corpus = corpus_table.Corpus
select = corpus_table.select
is_monolingual = corpus_table.is_monolingual


def read(
  paths: Sequence[str | pathlib.Path],
  *,
  languages: Sequence[str] | None = None,
  known: Sequence[str] | None = None,
  split: str = "train",
) -> Corpus:
  """The rows of all `paths`, every record checked.

  A path is a folder or a file of rows in one of `row_files.FORMS`, what
  `datasets` or TFDS have written, BEIR's or MS MARCO's folder, `tfds:<name>` or
  `hub:<owner>/<name>`, each maybe with options; see `records.load`. A source
  is named after the folder, the file without its suffix, or the last part of
  the name. Only `languages` are kept where they are given, in that order.
  Texts are stripped. A record without a block is its group's own block; blocks
  that share a text are one, as `identity.settle` has it. Of several splits
  `split` is read where a source names none. `known` are the languages that
  names of files are looked through for: those that are asked for, by default.

  Raises:
    FileNotFoundError: a path does not exist.
    ValueError: a record is not what the format asks; names file, line, the
      value and the mend.
  """
  if isinstance(paths, str | pathlib.Path):
    raise ValueError(f"paths is {str(paths)!r}; give a list of paths")
  if not paths:
    raise ValueError("paths is empty; name at least one source")
  table = _Table(languages)
  known = table.asked if known is None else tuple(known)
  wanted = tags.Wanted(table.asked, known or ())
  for path in paths:
    told = records.Told(table.skip, table.guess)
    name, found = records.load(path, wanted=wanted, told=told, split=split)
    table.add_source(name, path)
    for place, record in found:
      table.add(place, record)
  corpus = table.corpus()
  return identity.settle(corpus, identity.by_text(corpus))


class _Table:
  """Grows the columns of a corpus record by record."""

  def __init__(self, languages):
    self.asked = None
    if languages is not None:
      self.asked = tags.distinct(languages, "languages")
    self.sources: dict[str, str] = {}
    self.digests: list[digests.Digest] = []
    self.languages = _Index(self.asked or ())
    self.groups, self.blocks, self.texts = _Index(), _Index(), _Index()
    self.places: dict[str, reading.Place] = {}  # of each id
    self.views: dict[tuple[int, int], str] = {}  # (group, language) to its id
    self.group_block: list[int] = []
    self.rows: list[tuple[int, ...]] = []
    self.negative_offsets, self.negative_values = [0], []
    self.skipped: dict[str, int] = {}
    self.guesses: dict[str, None] = {}
    self.unknown = fields.Unknown(records.FIELDS)

  def add_source(self, name, path):
    if name in self.sources:
      raise faults.Fault(
        path,
        f"it and {self.sources[name]} are both named {name!r}",
        "rename one",
      )
    self.sources[name] = str(path)
    self.digests.append(digests.Digest())
    self.views.clear()

  def skip(self, why, count=1):
    self.skipped[why] = self.skipped.get(why, 0) + count

  def guess(self, text):
    self.guesses[text] = None

  def is_asked(self, language):
    return self.asked is None or language in self.asked

  def add(self, place, record):
    record = record | {
      "id": fields.name(record, "id", place),
      "group": fields.name(record, "group", place),
      "block": fields.optional_name(record, "block", place),
    }
    query = fields.text(record, "query", place)
    passage = fields.text(record, "passage", place)
    if not passage:
      raise faults.Fault(place, "passage is empty", "every row needs a passage")
    language = tags.read(fields.text(record, "lang", place), place)
    self.unknown.see(record)
    if record["lang"] != language:
      self.skip(f"lang {record['lang']!r} is read as {language!r}")
    if not self.is_asked(language):
      self.skip(f"language {language} was not asked for")
      return
    group = self._group(place, record, language)
    passage_text = self._text(place, "passage", passage)
    negatives = _negatives(place, record, passage)
    for negative in negatives:
      self.negative_values.append(self._text(place, "negatives", negative))
    self.negative_offsets.append(len(self.negative_values))
    self.rows.append(
      (
        self.languages[language],
        len(self.sources) - 1,
        group,
        self.group_block[group],
        self._text(place, "query", query) if query else -1,
        passage_text,
      )
    )
    block = record["block"] or record["group"]
    names = (record["id"], record["group"], block, language)
    self.digests[-1].add([*names, query, passage, *negatives])

  def _group(self, place, record, language):
    """The index of the record's group, once its id and block are checked."""
    identity, name = record["id"], record["group"]
    if identity in self.places:
      raise faults.Fault(
        place,
        f"id {identity!r} was already at {self.places[identity]}",
        "an id is unique over all sources",
      )
    self.places[identity] = place
    group = self.groups[name]
    view = (group, self.languages[language])
    if view in self.views:
      raise faults.Fault(
        place,
        f"group {name!r} already has id {self.views[view]!r} in {language!r}",
        "a group occurs once per source and language",
      )
    self.views[view] = identity
    block = self.blocks[record["block"] or name]
    if group == len(self.group_block):
      self.group_block.append(block)
    if self.group_block[group] != block:
      raise faults.Fault(
        place,
        f"group {name!r} has block {record.get('block') or name!r} here and "
        f"{list(self.blocks)[self.group_block[group]]!r} before",
        "all rows of a group stand in one block",
      )
    return group

  def _text(self, place, field, text):
    known = len(self.texts)
    index = self.texts[text]
    if index == known:
      reading.check_text(text, place, field)
    return index

  def corpus(self):
    columns = np.array(self.rows, np.int32).reshape(-1, 6)
    languages = tuple(self.languages)
    if self.asked is None:
      rank = np.argsort(np.argsort(np.array(languages, str)))
      columns[:, 0] = rank[columns[:, 0]] if languages else columns[:, 0]
      languages = tuple(sorted(languages))
    language, source, group, block, query, passage = np.ascontiguousarray(
      columns.T
    )
    return Corpus(
      languages=languages,
      sources=tuple(self.sources),
      groups=tuple(self.groups),
      blocks=tuple(self.blocks),
      texts=tuple(self.texts),
      ids=tuple(self.places),
      language_row=language,
      source_row=source,
      group_row=group,
      block_row=block,
      query_row=query,
      passage_row=passage,
      negative_offsets=np.array(self.negative_offsets, np.int64),
      negative_values=np.array(self.negative_values, np.int32),
      skipped=self.skipped | self.unknown.described(),
      guesses=tuple(self.guesses),
      sha256=tuple(digest.hexdigest() for digest in self.digests),
    )


class _Index(dict):
  """Numbers names in the order in which they are first asked for."""

  def __init__(self, names=()):
    super().__init__((name, i) for i, name in enumerate(names))

  def __missing__(self, name):
    self[name] = len(self)
    return self[name]


def _negatives(place, record, passage):
  negatives = record.get("negatives", ())
  if not negatives and isinstance(negatives, list | tuple):
    return ()
  is_list = isinstance(negatives, list)
  if not is_list or not all(
    isinstance(n, str) and n.strip() for n in negatives
  ):
    raise faults.Fault(
      place,
      f"negatives is {reading.shown(negatives)}",
      "it has to be a list of texts that are not empty, or absent",
    )
  negatives = [negative.strip() for negative in negatives]
  if passage in negatives:
    raise faults.Fault(
      place,
      "negatives holds the passage itself",
      "leave it out, or it is pushed away from its own query",
    )
  if len(set(negatives)) < len(negatives):
    raise faults.Fault(
      place, "negatives holds a text twice", "keep one of them"
    )
  return negatives
