"""A small corpus with all that a look at data is to find, and its tokens."""

import json

from hybridret_jax.data import pair_tokens, sources, tokenizer

LONGEST = {"query": 12, "passage": 16}
PREFIXES = {"query": "q: ", "passage": "p: "}
WORDS = ("haus", "baum", "tree", "house", "river", "sun")


def write(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def row(group, lang, query, passage, negatives=()):
  found = {
    "id": f"{group}{lang}",
    "group": group,
    "lang": lang,
    "query": query,
    "passage": passage,
  }
  return found | ({"negatives": list(negatives)} if negatives else {})


def corpus(folder):
  """Two sources; b0 and b1 differ behind the cut, a1 and b2 have one query."""
  long = "river " * 12
  write(
    folder / "a.jsonl",
    [
      row("a0", "de", "haus", "baum", ["sun", "river"]),
      row("a0", "en", "house", "tree"),
      row("a1", "en", "sun", "sun house"),
      row("a2", "de", "", "sun baum"),
    ],
  )
  write(
    folder / "b.jsonl",
    [
      row("b0", "en", "tree one", f"{long}tree"),
      row("b1", "en", "tree two", f"{long}house", ["house house"]),
      row("b2", "en", "sun", "river sun"),
      row("b3", "de", "baum sun", "baum sun"),
    ],
  )
  return sources.read(
    [folder / "a.jsonl", folder / "b.jsonl"], languages=("de", "en")
  )


def text_tokenizer(folder):
  tokenizer.train_unigram(
    [*WORDS, "q: p: one two", *map(str, range(10))], vocab_size=60, out=folder
  )
  return tokenizer.load(folder)


def tokens(made, of):
  return pair_tokens.encode(
    made,
    of,
    query_prefix=PREFIXES["query"],
    passage_prefix=PREFIXES["passage"],
    query_length=LONGEST["query"],
    passage_length=LONGEST["passage"],
  )
