"""Trains a unigram tokenizer that is laid out like XLM-R's."""

import json
from collections.abc import Iterable

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3, as in XLM-R
# Longer ones swallow whole clauses where a script writes no spaces.
_LONGEST_PIECE = 8
_SCORE_STEP = 1e-4  # between the characters that the trainer adds at the end


def trained(texts: Iterable[str], *, vocab_size: int) -> tokenizers.Tokenizer:
  """A tokenizer of texts; the same texts give the same one.

  Raises:
    ValueError: as `tokenizer.train_unigram`.
  """
  texts = [text.strip() for text in texts]
  if not any(texts):
    raise ValueError("no text to train a tokenizer on; name a source of some")
  backend = tokenizers.Tokenizer(models.Unigram())
  backend.normalizer = normalizers.Sequence(
    [
      normalizers.Nmt(),
      normalizers.NFKC(),
      normalizers.Replace(tokenizers.Regex(" {2,}"), " "),
    ]
  )
  # A name is one piece's work with quotes around it and without.
  backend.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Metaspace()]
  )
  backend.decoder = tokenizers.decoders.Metaspace()
  trainer = trainers.UnigramTrainer(
    vocab_size=vocab_size - 1,  # <mask> follows
    special_tokens=list(_SPECIAL),
    unk_token="<unk>",
    max_piece_length=_LONGEST_PIECE,
    # It prints by itself, and panics where standard output takes nothing.
    show_progress=False,
  )
  try:
    backend.train_from_iterator(texts, trainer)
  except Exception as error:  # the only class that the library raises here
    raise ValueError(
      f"no tokenizer with vocab_size {vocab_size}: {error}; use a larger one, "
      "or more texts"
    ) from error
  backend = _in_fixed_order(backend)
  backend.post_processor = processors.TemplateProcessing(
    single="<s> $A </s>",
    pair="<s> $A </s> </s> $B </s>",
    special_tokens=[("<s>", 0), ("</s>", 2)],
  )
  backend.add_special_tokens(["<mask>"])
  return backend


def _in_fixed_order(backend):
  """The trained tokenizer without what depends on the trainer's hash order.

  The trainer sums floats, breaks ties and lines up the rare characters in the
  order of a hash map, which differs between runs: the pieces are the same,
  their order and the last digits of their scores are not.
  """
  state = json.loads(backend.to_str())
  special = state["model"]["vocab"][: len(_SPECIAL)]
  pieces = dict(state["model"]["vocab"][len(_SPECIAL) :])
  lowest = min(pieces.values())
  # The characters that no piece covers got lowest, lowest + step, and so on.
  steps: dict[int, list[str]] = {}
  for piece, score in pieces.items():
    step = round((score - lowest) / _SCORE_STEP)
    if len(piece) == 1 and abs(score - lowest - step * _SCORE_STEP) < 1e-9:
      steps.setdefault(step, []).append(piece)
  rare = []
  while len(rare) < len(pieces) and steps.get(len(rare)):
    rare.append(steps[len(rare)])
  rare = [piece for step in rare for piece in step]
  scores = sorted((pieces[piece] for piece in rare), reverse=True)
  pieces.update(zip(sorted(rare), scores, strict=True))
  rounded = {piece: round(score, 5) for piece, score in pieces.items()}
  ordered = sorted(rounded.items(), key=lambda item: (-item[1], item[0]))
  state["model"]["vocab"] = [*special, *(list(item) for item in ordered)]
  return tokenizers.Tokenizer.from_str(json.dumps(state))
