"""A tokenizer cut to what texts use, of the kinds Unigram, BPE and WordPiece.

Every one of the texts has the same tokens afterwards, under other ids. What is
not used is gone, but for added and special tokens, bytes, the characters of the
texts, and what the algorithm itself needs: of a Unigram model the piece with
the lowest score (the score of what is unknown follows from it), of BPE the
tokens that kept ones are merged from. Cutting a vocabulary to the languages of
use: Abdaoui et al., "Load What You Need", arXiv 2010.05609.
"""

import copy
import dataclasses
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.data import tokenizer_files
from hybridret_jax.ground import faults

KINDS = ("Unigram", "BPE", "WordPiece")
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_BATCH = 10_000  # Texts that are tokenised at a time.


@dataclasses.dataclass(frozen=True)
class Cut:
  """A tokenizer that was cut.

  Attributes:
    state: what its tokenizer.json says.
    kept: int64 [tokens], the old id of each new one, ascending.
  """

  state: dict[str, Any]
  kept: np.ndarray


def used(
  tokenizer: tokenizers.Tokenizer, texts: Iterable[str], prefixes: Sequence[str]
) -> tuple[set[int], set[str]]:
  """(ids, characters) of texts with each of the prefixes, whole.

  Args:
    tokenizer: of the model.
    texts: read once.
    prefixes: put before each of them.
  """
  ids: set[int] = set()
  characters: set[str] = {"▁"}
  normalizer = tokenizer.backend.normalizer
  for batch in _batches(texts):
    for prefix in dict.fromkeys(prefixes):
      found = tokenizer.encode(batch, prefix=prefix, max_length=2**30)
      ids.update(np.unique(found.ids).tolist())
      for text in batch:
        whole = prefix + text.strip()
        characters.update(
          normalizer.normalize_str(whole) if normalizer else whole
        )
  return ids, characters


def cut(
  tokenizer: tokenizers.Tokenizer, ids: set[int], characters: set[str]
) -> Cut:
  """The tokenizer with these ids and characters, and what these need.

  Raises:
    Fault: it is of another kind, or its padding would get another id though
      positions count from it.
  """
  state = json.loads(tokenizer.source)
  model = state["model"]
  kind = model.get("type")
  if kind not in KINDS:
    raise faults.Fault(
      tokenizer_files.FILE,
      f"its model is a {kind}",
      f"only {', '.join(KINDS)} can be cut",
    )
  vocabulary = _vocabulary(model)
  keep = set(ids) | _special(state, model, vocabulary, tokenizer)
  keep |= {vocabulary[x] for x in (*_BYTES, *characters) if x in vocabulary}
  if kind == "WordPiece":
    inside = model.get("continuing_subword_prefix", "##")
    keep |= {
      vocabulary[inside + x] for x in characters if inside + x in vocabulary
    }
  if kind == "BPE":
    keep |= _single_bytes(state, vocabulary)
    keep = _with_parts(model, vocabulary, keep)
  if kind == "Unigram":
    scores = [score for _, score in model["vocab"]]
    keep.add(int(np.argmin(scores)))
  kept = np.array(sorted(keep), np.int64)
  return Cut(_renumbered(state, kept), kept)


def write(
  made: Cut, tokenizer: tokenizers.Tokenizer, folder: pathlib.Path
) -> None:
  """Writes the files of the cut tokenizer into a folder that is there."""
  files = dataclasses.replace(
    tokenizer, source=json.dumps(made.state, ensure_ascii=False).encode()
  ).files(2**30)
  for name, text in files.items():
    (folder / name).write_text(text, "utf-8", newline="")


def check(
  before: tokenizers.Tokenizer,
  after: tokenizers.Tokenizer,
  kept: np.ndarray,
  texts: Iterable[str],
  prefixes: Sequence[str],
) -> int:
  """Compares the tokens of every text; how many texts there were.

  Raises:
    ValueError: one has others.
  """
  count = 0
  for batch in _batches(texts):
    count += len(batch)
    for prefix in dict.fromkeys(prefixes):
      one, other = (
        x.encode(batch, prefix=prefix, max_length=2**30)
        for x in (before, after)
      )
      if np.array_equal(one.offsets, other.offsets) and np.array_equal(
        one.ids, kept[other.ids]
      ):
        continue
      for i, text in enumerate(batch):
        a, b = (x.ids[x.offsets[i] : x.offsets[i + 1]] for x in (one, other))
        if not np.array_equal(a, kept[b]):
          raise ValueError(
            f"the cut tokenizer splits {text[:80]!r} otherwise than the whole"
            " one; please report it"
          )
  return count


def _vocabulary(model) -> dict[str, int]:
  if model["type"] == "Unigram":
    return {piece: i for i, (piece, _) in enumerate(model["vocab"])}
  return model["vocab"]


def _special(state, model, vocabulary, tokenizer) -> set[int]:
  """Ids of added tokens, of those around texts, of padding and the unknown."""
  found = {token["id"] for token in state.get("added_tokens", ())}
  found |= set(_ids_of(state.get("post_processor")))
  found.add(tokenizer.pad_id)
  unknown = model.get("unk_token")
  if unknown in vocabulary:
    found.add(vocabulary[unknown])
  if model.get("unk_id") is not None:
    found.add(model["unk_id"])
  return found


def _ids_of(processor) -> list[int]:
  if not processor:
    return []
  if processor["type"] == "Sequence":
    return [i for one in processor["processors"] for i in _ids_of(one)]
  if processor["type"] == "TemplateProcessing":
    tokens = processor["special_tokens"].values()
    return [i for token in tokens for i in token["ids"]]
  return [processor[key][1] for key in ("cls", "sep") if key in processor]


def _single_bytes(state, vocabulary) -> set[int]:
  """Of a BPE over bytes the letters that stand for these."""
  if "ByteLevel" not in json.dumps(state.get("pre_tokenizer")):
    return set()
  return {i for token, i in vocabulary.items() if len(token) == 1}


def _with_parts(model, vocabulary, keep) -> set[int]:
  """With every token that a kept one is merged from, in whatever way."""
  parts: dict[int, list[tuple[int, int]]] = {}
  for one, other in _merges(model):
    parts.setdefault(vocabulary[one + other], []).append(
      (vocabulary[one], vocabulary[other])
    )
  found, left = set(keep), list(keep)
  while left:
    for pair in parts.get(left.pop(), ()):
      left += [i for i in pair if i not in found]
      found.update(pair)
  return found


def _merges(model) -> list[tuple[str, str]]:
  pairs = (
    x.split(" ", 1) if isinstance(x, str) else x for x in model["merges"]
  )
  return [(one, other) for one, other in pairs]


def _renumbered(state, kept) -> dict[str, Any]:
  state = copy.deepcopy(state)
  new = {old: i for i, old in enumerate(kept.tolist())}
  model = state["model"]
  if model["type"] == "Unigram":
    model["vocab"] = [
      piece for i, piece in enumerate(model["vocab"]) if i in new
    ]
    if model.get("unk_id") is not None:
      model["unk_id"] = new[model["unk_id"]]
  else:
    model["vocab"] = {
      token: new[i] for token, i in model["vocab"].items() if i in new
    }
  if model["type"] == "BPE":
    there = model["vocab"]
    model["merges"] = [
      list(merge)
      for merge in _merges(model)
      if all(x in there for x in (*merge, "".join(merge)))
    ]
  for token in state.get("added_tokens", ()):
    token["id"] = new[token["id"]]
  _renumber_processor(state.get("post_processor"), new)
  return state


def _renumber_processor(processor, new) -> None:
  if not processor:
    return
  for one in processor.get("processors", ()):
    _renumber_processor(one, new)
  if processor["type"] == "TemplateProcessing":
    for token in processor["special_tokens"].values():
      token["ids"] = [new[i] for i in token["ids"]]
  for key in ("cls", "sep"):
    if isinstance(processor.get(key), list):
      processor[key][1] = new[processor[key][1]]


def _batches(texts: Iterable[str]) -> Iterable[list[str]]:
  batch: list[str] = []
  for text in texts:
    batch.append(text)
    if len(batch) == _BATCH:
      yield batch
      batch = []
  if batch:
    yield batch
