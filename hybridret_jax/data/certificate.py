"""What a batch was composed of, as a digest: equal only if all of it is."""

import hashlib

from hybridret_jax.data import corpus_table

_SIZE = 8  # Bytes.


def of(plan, corpus: corpus_table.Corpus) -> str:
  """The digest of a plan: its kind, and of each pair languages, sources, ids.

  Of a pair both rows' ids with their sources and languages, the texts of its
  hard negatives, and the id of the row with its parallel query. 16 hexadecimal
  digits of BLAKE2b.

  Args:
    plan: a `composer.Plan`.
    corpus: what it was composed of.
  """
  digest = hashlib.blake2b(plan.kind.encode(), digest_size=_SIZE)

  def add(text: str) -> None:
    data = text.encode()
    digest.update(len(data).to_bytes(4, "little"))
    digest.update(data)

  for rows in (plan.query_row, plan.passage_row, plan.parallel_row):
    for row in rows.tolist():
      if row < 0:
        add("")
        continue
      add(corpus.ids[row])
      add(corpus.sources[corpus.source_row[row]])
      add(corpus.languages[corpus.language_row[row]])
  for text in plan.negative_text.reshape(-1).tolist():
    add(corpus.texts[text])
  return digest.hexdigest()
