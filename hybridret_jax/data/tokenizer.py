"""Turns texts into token ids, once, and trains small tokenizers."""

import dataclasses
import hashlib
import json
import os
import pathlib
import uuid
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tokenizers
import tqdm
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

_CHUNK = 2048  # texts between two steps of the progress bar
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3, as in XLM-R
# Longer ones swallow whole clauses where a script writes no spaces.
_LONGEST_PIECE = 8
_SCORE_STEP = 1e-4  # between the characters that the trainer adds at the end


@dataclasses.dataclass(frozen=True)
class Tokens:
  """Token ids of n texts, one after the other.

  Text i is `ids[offsets[i] : offsets[i + 1]]`, special tokens included.
  """

  ids: np.ndarray  # int32 [tokens]
  offsets: np.ndarray  # int64 [n + 1]
  cut: int  # how many texts were longer than allowed and lost their end

  def __len__(self) -> int:
    return len(self.offsets) - 1

  @property
  def lengths(self) -> np.ndarray:
    """Tokens of each text, int64 [n]."""
    return np.diff(self.offsets)


@dataclasses.dataclass(frozen=True)
class Tokenizer:
  """A `tokenizer.json` with what the encoder needs to know of it."""

  pad_id: int
  vocab_size: int  # with the added tokens
  hash: str  # sha256 of tokenizer.json
  backend: Any  # tokenizers.Tokenizer

  def encode(
    self,
    texts: Sequence[str],
    *,
    prefix: str,
    max_length: int,
    contexts: Sequence[str] | None = None,
    cache: str | pathlib.Path | None = None,
  ) -> Tokens:
    """Ids of `prefix` + each stripped text, with special tokens.

    `contexts` gives each text a second segment, joined as the tokenizer joins
    pairs; of a pair that is too long the longer segment is cut first.

    What is longer than `max_length` tokens, the special ones included, loses
    its end; `cut` counts these texts. With a `cache` folder the result is
    kept there under a hash of the tokenizer, the settings and the texts, and
    the same call reads it back instead of tokenising.

    Raises:
      ValueError: `max_length` leaves no room for text, or the cached file
        cannot be read.
    """
    special = self.backend.num_special_tokens_to_add(contexts is not None)
    if max_length <= special:
      raise ValueError(
        f"max_length is {max_length} and {special} special tokens fill it; "
        "make it larger"
      )
    if cache is None:
      return self._encode(texts, contexts, prefix, max_length)
    key = self._key([*texts, *(contexts or ())], len(texts), prefix, max_length)
    path = pathlib.Path(cache) / f"{key}.npz"
    if path.exists():
      return _read(path)
    tokens = self._encode(texts, contexts, prefix, max_length)
    _write(path, tokens)
    return tokens

  def _key(self, texts, count, prefix, max_length):
    settings = [self.hash, prefix, max_length, count]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for text in texts:
      data = text.encode()
      # The length keeps ["ab", "c"] apart from ["a", "bc"].
      digest.update(len(data).to_bytes(8, "little"))
      digest.update(data)
    return digest.hexdigest()

  def _encode(self, texts, contexts, prefix, max_length):
    self.backend.enable_truncation(max_length)
    self.backend.no_padding()
    ids, lengths, cut = [], [], 0
    # The bar shows itself only when the work takes more than five seconds.
    with tqdm.tqdm(
      total=len(texts), desc="tokenising", unit=" texts", delay=5
    ) as bar:
      for start in range(0, len(texts), _CHUNK):
        run = slice(start, start + _CHUNK)
        chunk = [prefix + text.strip() for text in texts[run]]
        if contexts is not None:
          seconds = (context.strip() for context in contexts[run])
          chunk = list(zip(chunk, seconds, strict=True))
        encodings = self.backend.encode_batch_fast(chunk)
        ids.append(
          np.concatenate([np.array(e.ids, np.int32) for e in encodings])
        )
        lengths.extend(len(e) for e in encodings)
        cut += sum(bool(e.overflowing) for e in encodings)
        bar.update(len(chunk))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Tokens(
      ids=np.concatenate([np.zeros(0, np.int32), *ids]),
      offsets=offsets,
      cut=cut,
    )


def load(folder: str | pathlib.Path) -> Tokenizer:
  """The tokenizer in `folder/tokenizer.json`.

  The padding token is the one that tokenizer_config.json or
  special_tokens_map.json names, else `<pad>` or `[PAD]`.

  Raises:
    FileNotFoundError: there is no tokenizer.json.
    ValueError: it cannot be read, or has no padding token.
  """
  folder = pathlib.Path(folder)
  path = folder / "tokenizer.json"
  if not path.is_file():
    raise FileNotFoundError(
      f"{path} does not exist; write it with transformers: "
      f"AutoTokenizer.from_pretrained(NAME).save_pretrained({str(folder)!r})"
    )
  data = path.read_bytes()
  try:
    backend = tokenizers.Tokenizer.from_buffer(data)
  except ValueError as error:
    raise ValueError(
      f"{path} is not a tokenizer ({error}); save it again"
    ) from error
  return Tokenizer(
    pad_id=_pad_id(folder, backend),
    vocab_size=backend.get_vocab_size(with_added_tokens=True),
    hash=hashlib.sha256(data).hexdigest(),
    backend=backend,
  )


def train_unigram(
  texts: Iterable[str], *, vocab_size: int, out: str | pathlib.Path
) -> None:
  """Trains a unigram tokenizer on `texts` and writes it to the folder `out`.

  It is laid out like XLM-R's: `<s>`, `<pad>`, `</s>`, `<unk>` are ids 0 to 3,
  `<mask>` is the last, and a text becomes `<s> ... </s>`. Few texts may yield
  fewer than `vocab_size` tokens. The same texts give the same files.

  Raises:
    ValueError: `vocab_size` is too small for the characters of the texts, or
      there are no texts.
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
  out = pathlib.Path(out)
  out.mkdir(parents=True, exist_ok=True)
  backend.save(str(out / "tokenizer.json"))
  config = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": 512,
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
    "clean_up_tokenization_spaces": False,
    "model_input_names": ["input_ids", "attention_mask"],
  }
  text = json.dumps(config, indent=2) + "\n"
  (out / "tokenizer_config.json").write_text(text)


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


def _pad_id(folder, backend):
  names = []
  for file in ("tokenizer_config.json", "special_tokens_map.json"):
    if (folder / file).is_file():
      name = json.loads((folder / file).read_text()).get("pad_token")
      # Older files hold a description of the token.
      names.append(name["content"] if isinstance(name, dict) else name)
  for name in (*names, "<pad>", "[PAD]"):
    pad = backend.token_to_id(name) if name else None
    if pad is not None:
      return pad
  raise ValueError(
    f"{folder} names no padding token; set pad_token in tokenizer_config.json"
  )


def _read(path):
  try:
    with np.load(path) as file:
      return Tokens(
        ids=file["ids"], offsets=file["offsets"], cut=int(file["cut"])
      )
  except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
    raise ValueError(f"{path} cannot be read ({error}); delete it") from error


def _write(path, tokens):
  path.parent.mkdir(parents=True, exist_ok=True)
  # Aside and renamed, so that nobody reads half a file.
  aside = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.npz")
  try:
    np.savez(aside, ids=tokens.ids, offsets=tokens.offsets, cut=tokens.cut)
    os.replace(aside, path)
  finally:
    aside.unlink(missing_ok=True)
