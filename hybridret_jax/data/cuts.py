"""What is cut off texts that are too long, in tokens and in characters."""

from collections.abc import Sequence

import numpy as np
import tqdm

from hybridret_jax.data import tokenizer


def whole_lengths(
  text_tokenizer: tokenizer.Tokenizer, texts: Sequence[str], *, prefix: str
) -> np.ndarray:
  """Tokens of `prefix` + each stripped text, uncut, int64 [n].

  Special ones are counted, as in `Tokens.lengths`.
  """
  lengths: list[int] = []
  # The bar shows itself only when the work takes more than five seconds.
  with tqdm.tqdm(
    total=len(texts), desc="measuring", unit=" texts", delay=5
  ) as bar:
    for start in range(0, len(texts), tokenizer.CHUNK):
      run = texts[start : start + tokenizer.CHUNK]
      with text_tokenizer.cutting(None) as backend:
        encodings = backend.encode_batch_fast([prefix + x.strip() for x in run])
      lengths += map(len, encodings)
      bar.update(len(run))
  return np.array(lengths, np.int64)


def kept(
  text_tokenizer: tokenizer.Tokenizer,
  texts: Sequence[str],
  *,
  prefix: str,
  max_length: int,
) -> list[tuple[int, int]]:
  """Where what the cut leaves of each stripped text begins and ends.

  In characters; a text that is not cut is all there.

  Args:
    text_tokenizer: that cuts.
    texts: stripped.
    prefix: put before each.
    max_length: tokens that are left, with the prefix and special ones.
  """
  with text_tokenizer.cutting(max_length) as backend:
    encodings = backend.encode_batch([prefix + text for text in texts])
  found = []
  for text, encoding in zip(texts, encodings, strict=True):
    spans = [
      span
      for span, special in zip(
        encoding.offsets, encoding.special_tokens_mask, strict=True
      )
      if not special
    ]
    start, end = 0, len(text)
    if encoding.overflowing and text_tokenizer.cut_side == "left":
      first = min((begins for begins, _ in spans), default=end + len(prefix))
      start = max(first - len(prefix), 0)
    elif encoding.overflowing:
      last = max((ends for _, ends in spans), default=0)
      end = max(last - len(prefix), 0)
    found.append((start, end))
  return found
