"""What a batch was composed of, as a digest: equal only if all of it is."""

import hashlib
from collections.abc import Sequence

from hybridret_jax.data import code_switching, corpus_table

_SIZE = 8  # Bytes.


def of(
  plan,
  corpus: corpus_table.Corpus,
  switched: Sequence[code_switching.Switched] = (),
) -> str:
  """The digest of a plan: its kind, and of each pair languages, sources, ids.

  Of a pair both rows' ids with their sources and languages, the texts of its
  hard negatives, and the id of the row with its parallel query; and each text
  of which words were replaced, as it became. 16 hexadecimal digits of BLAKE2b.

  Args:
    plan: a `composer.Plan`.
    corpus: what it was composed of.
    switched: texts of the batch with words that have a translation.
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
  for one in code_switching.changed(switched):
    add(f"{one.side} {one.place}")
    add(one.text)
  return digest.hexdigest()
