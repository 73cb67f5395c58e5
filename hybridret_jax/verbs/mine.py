"""Hard negatives of the training data, by any model or by given vectors."""

import dataclasses
import json
import logging
import pathlib

import jax
import numpy as np

from hybridret_jax import retriever as retrievers
from hybridret_jax.assembly import given as given_lib
from hybridret_jax.assembly import mining as finding
from hybridret_jax.data import (
  identity,
  mined_source,
  mining,
  pair_tokens,
  sources,
)
from hybridret_jax.ground import digests, faults, owning, writing
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import mined_page
from hybridret_jax.retrieval import store
from hybridret_jax.retrieval.tasks import task as task_lib

_LOG = logging.getLogger(__name__)
FILE, PAGE = "mining.json", "examples.html"
EXAMPLES = 50  # Of each language.


def mine(
  corpus: sources.Corpus,
  settings: mining.Settings,
  by: retrievers.Retriever | given_lib.Given,
  folder: pathlib.Path,
  *,
  normalize: bool = False,
) -> list[pathlib.Path]:
  """Writes the corpus's sources with hard negatives into `folder`.

  `<source>/<language>.jsonl.gz` are the sources, `counts.json` says how many
  negatives there are and what was left out, `examples.html` shows fifty rows of
  each language. Vectors and searched parts stay in `vectors` and `parts`, from
  which a call that was killed goes on.

  Args:
    corpus: all rows.
    settings: what is taken.
    by: what encodes, or given vectors of rows' queries and passages.
    folder: missing, empty, or begun so.
    normalize: divides given vectors by their lengths.

  Returns:
    The folders of the sources.

  Raises:
    Fault: the folder holds something else, nothing can be mined, or another
      process mines there.
  """
  if jax.process_count() > 1:
    raise faults.Fault(
      "mine",
      f"{jax.process_count()} processes",
      "run it in one, on all its devices",
    )
  with owning.owned(folder, "mines here"):
    return _mine(corpus, settings, by, folder, normalize)


def _mine(corpus, settings, by, folder, normalize) -> list[pathlib.Path]:
  if isinstance(by, given_lib.Given):
    identities = identity.by_text(corpus)
  else:
    identities = pair_tokens.identities(by.tokens(corpus))
  pool = mining.pool(identity.settle(corpus, identities), identities)
  if not len(pool.row_Q):
    raise faults.Fault(
      "data.sources", "no row has a query of its own", "name a source with some"
    )
  vectors = (
    _given(pool, by, normalize)
    if isinstance(by, given_lib.Given)
    else _encoded(pool, by, folder)
  )
  _claim(folder, corpus, settings, by.name, vectors.fingerprint)
  chosen = finding.mine(
    pool, settings, vectors, folder / "parts", mesh=meshes.make()
  )
  made = mined_source.write(folder, pool, chosen)
  counts = mined_source.counts(pool, chosen)
  writing.write(
    folder / mined_source.COUNTS, json.dumps(counts, indent=2) + "\n"
  )
  page = mined_page.html(
    mined_source.examples(pool, chosen, number=EXAMPLES),
    counts,
    model=by.name,
    settings=dataclasses.asdict(settings),
  )
  writing.write(folder / PAGE, page)
  for tag, of in counts["languages"].items():
    _LOG.info(
      "%s: %d queries; %s have no negative.",
      tag,
      of["queries"],
      of["queries_by_negatives"].get("0", 0),
    )
  return made


def check_place(folder: pathlib.Path) -> None:
  """Raises a Fault where what is mined would lie among something else."""
  if not folder.exists():
    return
  if not folder.is_dir():
    raise faults.Fault(folder, "is a file", "give a folder")
  held = {x.name for x in folder.iterdir() if not writing.is_aside(x.name)}
  if held - {"vectors", owning.FOLDER} and FILE not in held:
    shown = ", ".join(map(repr, sorted(held)[:3]))
    raise faults.Fault(
      folder,
      f"holds {shown}, and no hard negatives",
      "give a folder that is new, empty, or was begun so",
    )


def _claim(folder, corpus, settings, name, fingerprint) -> None:
  """Says in the folder what is mined there, or compares it."""
  wanted = {
    "settings": dataclasses.asdict(settings),
    "model": name,
    "vectors": fingerprint,
    "sources": dict(zip(corpus.sources, corpus.sha256, strict=True)),
    "languages": list(corpus.languages),
  }
  path = folder / FILE
  if path.is_file():
    held = json.loads(path.read_text("utf-8"))
    other = [key for key in wanted if held.get(key) != wanted[key]]
    if other:
      raise faults.Fault(
        path,
        f"other {', '.join(other)} than what was mined here",
        "give another --workdir",
      )
    return
  folder.mkdir(parents=True, exist_ok=True)
  writing.write(path, json.dumps(wanted, indent=2) + "\n")


def _texts(pool) -> tuple[list[list[str]], list[list[str]]]:
  """The texts of queries and of candidates, by language."""
  corpus = pool.corpus
  queries, candidates = [], []
  for language in range(len(corpus.languages)):
    rows = pool.row_Q[pool.language_Q == language]
    queries.append([corpus.texts[x] for x in corpus.query_row[rows].tolist()])
    of = pool.text_N[pool.language_N == language]
    candidates.append([corpus.texts[x] for x in of.tolist()])
  return queries, candidates


def _encoded(pool, retriever, folder) -> finding.Vectors:
  """The vectors of a retriever, kept in the folder."""
  made = []
  sides = zip(("query", "passage"), _texts(pool), strict=True)
  for side, by_language in sides:
    made.append(
      [
        store.read(
          retriever.encode_into(
            texts, folder / "vectors" / f"{tag}-{side}", side=side
          )
        )
        if texts
        else ()
        for tag, texts in zip(pool.corpus.languages, by_language, strict=True)
      ]
    )
  return finding.Vectors(made[0], made[1], retriever.fingerprint)


def _given(pool, given, normalize) -> finding.Vectors:
  """Given vectors by the rows' ids: of a query its row's, of a passage that
  of the first row that has it in its language."""
  task = _as_task(pool)
  q_QD, c_ND = given_lib.load(given, task, normalize=normalize)
  digest = digests.Digest()
  for array in (q_QD, c_ND):
    digest.add([list(array.shape), array.tobytes().hex()])
  languages = range(len(pool.corpus.languages))
  return finding.Vectors(
    [[q_QD[pool.language_Q == x]] for x in languages],
    [[c_ND[pool.language_N == x]] for x in languages],
    digest.hexdigest(),
  )


def _as_task(pool) -> task_lib.Task:
  """The pool's names as a task's, so that given vectors are read as there."""
  corpus = pool.corpus
  first: dict[tuple[int, int], int] = {}
  for row in range(len(corpus)):
    key = (int(corpus.language_row[row]), int(corpus.passage_row[row]))
    first.setdefault(key, row)
  keys = list(zip(pool.language_N.tolist(), pool.text_N.tolist(), strict=True))
  rows = pool.row_Q.tolist()
  place = {key: number for number, key in enumerate(keys)}
  own = [
    place[int(corpus.language_row[row]), int(corpus.passage_row[row])]
    for row in rows
  ]
  return task_lib.Task(
    name="mining",
    languages=corpus.languages,
    query_texts=tuple(corpus.texts[corpus.query_row[row]] for row in rows),
    query_ids=tuple(corpus.ids[row] for row in rows),
    query_language=pool.language_Q.astype(np.int32),
    candidate_texts=tuple(corpus.texts[text] for _, text in keys),
    candidate_ids=tuple(corpus.ids[first[key]] for key in keys),
    candidate_language=pool.language_N.astype(np.int32),
    candidate_context=None,
    relevant=np.array(own, np.int32)[:, None],
  )
