"""Texts that a model which was written and loaded back must embed as before."""

import dataclasses
from typing import Any

import numpy as np

from hybridret_jax.assembly import encoding
from hybridret_jax.data import tokenizer

# One sentence in each of XQuAD-R's languages: what a loaded-back model must
# embed as the trained one does.
SENTENCES = (
  "كم عدد النقاط التي سمح بها دفاع الفريق؟",
  "Wie viele Punkte ließ die Verteidigung zu?",
  "Πόσους πόντους δέχτηκε η άμυνα;",
  "How many points did the defense surrender?",
  "¿Cuántos puntos cedió la defensa?",
  "रक्षा पंक्ति ने कितने अंक दिए?",
  "Сколько очков пропустила защита?",
  "ฝ่ายรับเสียคะแนนไปกี่แต้ม",
  "Savunma kaç sayı verdi?",
  "Hàng thủ đã để mất bao nhiêu điểm?",
  "防守方丢了多少分？",
)
_SPREAD = (
  64  # Ids of the whole vocabulary, the last among them, whose pieces are read.
)
_AT_ONCE = 32  # Pieces, or added tokens, of a text.


@dataclasses.dataclass(frozen=True)
class Probes:
  """Texts of each side, and one pair.

  Attributes:
    texts: alone, without the prefix.
    pair: text and context of a passage.
  """

  texts: tuple[str, ...]
  pair: tuple[str, str]


def make(text_tokenizer: tokenizer.Tokenizer, longest: int) -> Probes:
  """What shows a difference in cutting, tokens, case or segments.

  Sentences in 11 languages, no text, mixed case, a text beyond the maximum
  length, pieces from the whole vocabulary and all added tokens but padding.

  Args:
    text_tokenizer: of the model.
    longest: tokens that a text is cut at.
  """
  backend = text_tokenizer.backend
  last = text_tokenizer.vocab_size - 1
  spread = np.unique(np.linspace(0, last, _SPREAD).astype(int)).tolist()
  pieces = [backend.id_to_token(number) or "" for number in spread]
  # What tokenizers write for a space and at the start or the inside of words.
  pieces = [p.replace("\u2581", " ").removeprefix("##") for p in pieces]
  # In transformers' RoBERTa a padding token has no position, even in a text.
  added = [
    token.content
    for number, token in backend.get_added_tokens_decoder().items()
    if number != text_tokenizer.pad_id
  ]
  pad = backend.id_to_token(text_tokenizer.pad_id)
  pieces = [piece for piece in pieces if piece != pad]
  words = " ".join(SENTENCES).split()
  texts = (
    *SENTENCES,
    "",
    "WHO Wrote tHE Law? STRASSE straße ΣΟΦΟΣ İstanbul",
    " ".join(words[i % len(words)] for i in range(longest + 1)),
    *_lines(pieces),
    *_lines(added),
  )
  return Probes(
    tuple(text.strip() for text in texts), (SENTENCES[3], SENTENCES[1])
  )


def embed(
  encode_texts: encoding.TextEncoder, params: Any, probes: Probes
) -> dict[str, np.ndarray]:
  """z_ND of the texts, by side; the pair is the last of the passages."""
  found = {
    side: encode_texts(params, probes.texts, side)
    for side in ("query", "passage")
  }
  text, context = probes.pair
  pair_1D = encode_texts(params, [text], "passage", contexts=[context])
  found["passage"] = np.concatenate([found["passage"], pair_1D])
  return found


def _lines(pieces):
  return [
    " ".join(pieces[start : start + _AT_ONCE])
    for start in range(0, len(pieces), _AT_ONCE)
  ]
