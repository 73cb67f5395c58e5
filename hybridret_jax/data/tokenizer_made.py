"""What a tokenizer of ours was made of, written beside it."""

import hashlib
import json
import pathlib
from collections.abc import Iterable, Sequence

FILE = "made_of.json"
TOKENIZER = "tokenizer.json"
CONFIG = "tokenizer_config.json"


def of(texts: Iterable[str], vocab_size: int) -> str:
  """The hash of what a tokenizer follows from."""
  digest = hashlib.sha256(f"{vocab_size}\n".encode())
  for text in texts:
    data = text.encode("utf-8", "surrogatepass")
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
  return digest.hexdigest()


def mark(folder: pathlib.Path, made_of: str) -> None:
  """Writes into a tokenizer's folder what it was made of."""
  found = {"made_of": made_of, "sha256": _sha256(folder / TOKENIZER)}
  (folder / FILE).write_text(json.dumps(found) + "\n", "utf-8")


def is_trained(
  folder: str | pathlib.Path,
  texts: Sequence[str] = (),
  *,
  vocab_size: int | None = None,
) -> bool:
  """Whether a tokenizer of ours is whole, and trained so if that is given."""
  folder = pathlib.Path(folder)
  try:
    made = json.loads((folder / FILE).read_text("utf-8"))
    found = _sha256(folder / TOKENIZER)
    there = (folder / CONFIG).is_file()
    whole = there and made["sha256"] == found
  except (OSError, ValueError, KeyError, TypeError):
    return False
  if vocab_size is None:
    return whole
  return whole and made.get("made_of") == of(texts, vocab_size)


def _sha256(path) -> str:
  return hashlib.sha256(path.read_bytes()).hexdigest()
