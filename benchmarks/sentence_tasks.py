"""Two tasks whose candidates are sentences, out of the held-out blocks.

  PYTHONPATH=. python benchmarks/sentence_tasks.py --out=runs/sentence_tasks \
      --config=configs/me5_small_hybrid.py --config.data.folder=DATA

`sentences`: a sentence of a parallel inverse-cloze source against the
sentences of all held-out ones, in every language: the same sentence and its
translations are relevant, and the rivals that count stand beside it in its
text. `questions`: a natural question against the sentences of all passages.
Which sentence answers is not in the data, so the sentence of its own passage
that the untrained model puts first is called relevant: this measures how far
training moves what was good at the start, not how good it was.
"""

import json
import pathlib
import re

import numpy as np
from absl import app, flags
from ml_collections import config_flags

from hybridret_jax.assembly import judging, model, training_data
from hybridret_jax.data import sources
from hybridret_jax.parallel import mesh as meshes

PARALLEL = ("ntrex-ict", "flores-ict", "tico19-ict")
NATURAL = ("belebele", "tydiqa-goldp", "arcd", "cmrc2018")
END = re.compile(r"(?<=[.!?؟।])\s+|(?<=[。！？])")
GROUPS = 120  # Of parallel sentences.
_CONFIG = config_flags.DEFINE_config_file("config")
_OUT = flags.DEFINE_string("out", None, "Folder of the two tasks.")


def main(argv) -> None:
  del argv
  config, out = _CONFIG.value, pathlib.Path(str(_OUT.value))
  with config.unlocked():
    config.data.sources = PARALLEL + NATURAL
  _, held = training_data.split(config, training_data.read(config))
  rows = [
    {
      "id": held.ids[row],
      "lang": held.languages[held.language_row[row]],
      "source": held.sources[held.source_row[row]],
      "group": held.groups[held.group_row[row]],
      "query": held.texts[held.query_row[row]],
      "passage": held.texts[held.passage_row[row]],
    }
    for row in np.flatnonzero(sources.is_monolingual(held)).tolist()
  ]
  _write(out / "sentences", *_sentences(rows))
  _write(out / "questions", *_questions(config, rows))


def _sentences(rows):
  """Queries, candidates and judgements of the parallel sentences."""
  rows = [row for row in rows if row["source"] in PARALLEL]
  # Neighbours in a text have neighbouring names.
  groups = sorted({row["group"] for row in rows})[:GROUPS]
  rows = [row for row in rows if row["group"] in set(groups)]
  texts = [
    {"id": row["id"], "lang": row["lang"], "text": row["query"]} for row in rows
  ]
  by_group = {}
  for row in rows:
    by_group.setdefault(row["group"], []).append(row["id"])
  judged = [
    (row["id"], other) for row in rows for other in by_group[row["group"]]
  ]
  return texts, texts, judged


def _questions(config, rows):
  """The same of the natural questions."""
  rows = [row for row in rows if row["source"] in NATURAL]
  queries = [
    {"id": row["id"], "lang": row["lang"], "text": row["query"]} for row in rows
  ]
  numbers, candidates, passages = {}, [], {}
  for row in rows:
    key = row["lang"], row["passage"]
    if key in passages:
      continue
    passages[key] = []
    for text in filter(None, map(str.strip, END.split(row["passage"]))):
      if (row["lang"], text) not in numbers:
        numbers[row["lang"], text] = len(candidates)
        name = f"{row['lang']}-{len(candidates)}"
        candidates.append({"id": name, "lang": row["lang"], "text": text})
      passages[key].append(numbers[row["lang"], text])
  mesh = meshes.make(**config.mesh)
  made = model.make(config)
  encode = judging.encoder(config, made, mesh)
  params = made.start(seed=config.seed)
  q_QD = encode(params, [q["text"] for q in queries], "query")
  c_ND = encode(params, [c["text"] for c in candidates], "passage")
  judged = []
  for row, q_D in zip(rows, q_QD, strict=True):
    own = passages[row["lang"], row["passage"]]
    best = own[int(np.argmax(c_ND[own] @ q_D))]
    judged.append((row["id"], candidates[best]["id"]))
  return queries, candidates, judged


def _write(folder, queries, candidates, judged) -> None:
  folder.mkdir(parents=True, exist_ok=True)
  for name, records in (("queries", queries), ("candidates", candidates)):
    text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
    (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
  lines = [f"{query}\t{candidate}\t1\n" for query, candidate in judged]
  (folder / "qrels.tsv").write_text("".join(lines), encoding="utf-8")
  print(f"{folder}: {len(queries)} queries, {len(candidates)} candidates")


if __name__ == "__main__":
  flags.mark_flags_as_required(["config", "out"])
  app.run(main)
