"""Share of padding in batches and in encoding, beside two other ways.

  PYTHONPATH=. python benchmarks/padding.py --data=DATA --tokenizer=FOLDER \
      --out=padding.json

Hybrid batches of two sets of sources, texts cut at 64 (queries) and 256 tokens
(passages), in our rows; the same batches with each side padded to its longest
text of the batch (dynamic), and with every text padded to its maximum (fixed).
Then XQuAD-R's questions and sentences, encoded. The shapes are chosen on the
first steps and measured on later ones.
"""

import argparse
import json
import pathlib
import time
from collections.abc import Iterator, Sequence

import numpy as np
import tabulate

from hybridret_jax import defaults
from hybridret_jax.assembly import settled
from hybridret_jax.data import (
  calls,
  composer,
  identity,
  pair_tokens,
  pipeline,
  records,
  sources,
  tokenizer,
)
from hybridret_jax.retrieval.tasks import xquad_r

GENERIC = (
  "ms-curricula",
  "queries:ntrex-ict",
  "queries:flores-ict",
  "belebele",
  "queries:tico19-ict",
  "tatoeba-bitext",
  "tydiqa-goldp",
  "arcd",
  "cmrc2018",
  "iapp-wiki-qa-th",
  "opensource-guide",
  "bitcoin-faq",
  "gnome-help",
)
LEGAL = (
  "cc-legalcode",
  "udhr",
  "contributor-covenant",
  "mozilla-legal",
  "statutes",
)
# Batch size and the multiple of the numbers of rows.
VARIANTS = ((64, 1), (64, 2), (64, 4), (64, 8), (512, 8))
LATER = 10_000  # The first step that is measured.
AT_ONCE = 64  # Texts of a batch of encoding that pads.
CALLS = (1024, 8192)  # Tokens that are encoded at a time: on a CPU, elsewhere.


def main() -> None:
  args = _arguments()
  text_tokenizer = tokenizer.load(args.tokenizer)
  rows = []
  for name, specs, languages in (
    ("generic", args.generic, args.generic_languages),
    ("legal", args.legal, args.legal_languages),
  ):
    corpus = sources.read(
      [place(args.data, spec) for spec in specs], languages=languages
    )
    tokens = _encode(corpus, text_tokenizer, args)
    labels = identity.Labels(corpus, pair_tokens.identities(tokens))
    for size, multiple in VARIANTS:
      settings = {"strategy": "hybrid", "batch_size": size}
      if composer.feasibility(corpus, **settings):
        settings["views_per_group"] = 2  # Too few groups for one row each.
      composed = composer.Composer(corpus, **settings)
      rows.append(
        {"texts": name, **settings}
        | _training(composed, tokens, labels, args, multiple=multiple)
      )
  rows += [_encoding(text_tokenizer, args, tokens) for tokens in CALLS]
  print(table(rows))
  places = {"data", "tokenizer", "out", "cache"}
  settings = {k: v for k, v in vars(args).items() if k not in places}
  saved = {"settings": settings, "rows": rows}
  args.out.write_text(json.dumps(saved, indent=1) + "\n")


def table(rows: Sequence[dict]) -> str:
  """The shares of padding, one row a variant."""
  cells = [
    [
      row["texts"],
      row.get("batch_size") or f"{row['tokens_per_call']:,} tokens",
      row.get("row_multiple", ""),
      row["ours"],
      row["dynamic"],
      row["fixed"],
      sum(shape.get("batches", 1) > 0 for shape in row["shapes"]),
    ]
    for row in rows
  ]
  heads = ["Texts", "Batch", "Row multiple", "Ours", "Dynamic", "Fixed"]
  return tabulate.tabulate(
    cells, [*heads, "Shapes taken"], tablefmt="github", floatfmt=".1%"
  )


def measure_batches(
  composed: composer.Composer,
  tokens: pair_tokens.PairTokens,
  labels: identity.Labels,
  layout: pipeline.Layout,
  *,
  most: dict[str, int],
  steps: int,
) -> dict:
  """Shares of padding of later batches, and which shapes they took.

  Args:
    composed: composes the batches.
    tokens: of their texts.
    labels: of the batches.
    layout: of their rows.
    most: tokens that a text is cut at, by side.
    steps: how many batches.
  """
  taken = np.zeros(len(layout.shapes[0]), int)
  slots = {"ours": 0, "dynamic": 0, "fixed": 0}
  real = 0
  for step in range(LATER, LATER + steps):
    batch = pipeline.build_batch(
      composed, tokens, labels, layout, seed=0, step=step
    )
    (pack,) = batch.rows.values()
    shape = tuple(len(tier[0]) for tier in pack)
    taken[layout.shapes[0].index(shape)] += 1
    real += batch.tokens
    slots["ours"] += batch.slots
    plan = composed.plan(0, step)
    for side, texts in (
      ("query", tokens.query_of_row[plan.query_row]),
      ("passage", tokens.passage_of_row[plan.passage_row]),
    ):
      slots["dynamic"] += len(texts) * int(tokens.lengths[texts].max())
      slots["fixed"] += len(texts) * most[side]
  return {way: 1 - real / number for way, number in slots.items()} | {
    "shapes": [
      {"rows": shape, "batches": int(number)}
      for shape, number in zip(layout.shapes[0], taken, strict=True)
    ],
  }


def measure_encoding(
  lengths: Sequence[np.ndarray], *, row_lengths: Sequence[int], tokens: int
) -> dict:
  """Shares of padding of encoding, each of `lengths` by itself.

  Args:
    lengths: tokens of the texts of each side.
    row_lengths: of our rows; the last is what texts are cut at.
    tokens: of our calls.
  """
  ways = ("ours", "dynamic", "dynamic_sorted", "fixed")
  slots: dict[str, int] = dict.fromkeys(ways, 0)
  shapes = set()
  for side in lengths:
    planned = calls.plan(side, row_lengths=row_lengths, tokens=tokens, slices=1)
    shapes |= {(call.row_count, call.row_length) for call in planned}
    slots["ours"] += sum(call.row_count * call.row_length for call in planned)
    for way, order in (("dynamic", side), ("dynamic_sorted", np.sort(side))):
      slots[way] += sum(len(x) * int(x.max()) for x in _parts(order))
    slots["fixed"] += len(side) * row_lengths[-1]
  real = sum(int(side.sum()) for side in lengths)
  return {way: 1 - real / number for way, number in slots.items()} | {
    "row_lengths": row_lengths,
    "tokens_per_call": tokens,
    "shapes": [{"rows": rows, "length": n} for rows, n in sorted(shapes)],
  }


def _training(composed, tokens, labels, args, *, multiple):
  settings = dict(defaults.get_config().packing) | {"row_multiple": multiple}
  begun = time.perf_counter()
  layout = pipeline.plan_layout(
    composed, tokens, seed=0, apart=False, **settings
  )
  planned = time.perf_counter()
  found = measure_batches(
    composed,
    tokens,
    labels,
    layout,
    most={"query": args.query_length, "passage": args.passage_length},
    steps=args.steps,
  )
  return found | {
    "row_lengths": layout.row_lengths,
    "row_multiple": multiple,
    "layout_seconds": planned - begun,
    "batch_seconds": (time.perf_counter() - planned) / args.steps,
  }


def _encoding(text_tokenizer, args, tokens):
  task = xquad_r.load(args.data / "xquad-r")
  evaluated = settled.of(defaults.get_config()).evaluation
  lengths = [
    text_tokenizer.encode(
      texts, prefix=prefix, max_length=longest, cache=args.cache
    ).lengths
    for texts, prefix, longest in (
      (task.query_texts, "query: ", evaluated.query_length),
      (task.candidate_texts, "passage: ", evaluated.passage_length),
    )
  ]
  return {"texts": "XQuAD-R"} | measure_encoding(
    lengths,
    row_lengths=evaluated.row_lengths,
    tokens=tokens,
  )


def _parts(lengths) -> Iterator[np.ndarray]:
  return (
    lengths[start : start + AT_ONCE]
    for start in range(0, len(lengths), AT_ONCE)
  )


def _encode(corpus, text_tokenizer, args):
  return pair_tokens.encode(
    corpus,
    text_tokenizer,
    query_prefix="query: ",
    passage_prefix="passage: ",
    query_length=args.query_length,
    passage_length=args.passage_length,
    cache=args.cache,
  )


def place(folder, spec):
  if spec.startswith(records.QUERIES):
    return records.QUERIES + str(folder / spec.removeprefix(records.QUERIES))
  return str(folder / spec)


def _arguments():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  path = pathlib.Path
  parser.add_argument("--data", type=path, required=True, help="of the sources")
  parser.add_argument("--tokenizer", type=path, required=True, help="folder")
  parser.add_argument("--out", type=path, required=True, help="JSON file")
  parser.add_argument("--generic", nargs="+", default=GENERIC)
  parser.add_argument("--legal", nargs="+", default=LEGAL)
  languages = ["ar", "de", "en", "es", "hi", "ru", "th", "tr", "zh"]
  parser.add_argument("--generic_languages", nargs="+", default=languages)
  # Those whose monolingual batches can hold 512 pairs.
  languages = ["ar", "de", "el", "en", "es", "th", "tr", "zh"]
  parser.add_argument("--legal_languages", nargs="+", default=languages)
  parser.add_argument("--query_length", type=int, default=64)
  parser.add_argument("--passage_length", type=int, default=256)
  parser.add_argument("--steps", type=int, default=1000, help="to measure")
  cache = path("~/.cache/hybridret_jax/tokens").expanduser()
  parser.add_argument("--cache", type=path, default=cache, help="of tokens")
  return parser.parse_args()


if __name__ == "__main__":
  main()
