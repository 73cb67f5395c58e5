"""Turns texts into token ids, once, and writes small trained tokenizers."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import pathlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tokenizers
import tqdm
from tokenizers import normalizers

from hybridret_jax.data import (
  token_cache,
  tokenizer_files,
  tokenizer_made,
  unigram,
)
from hybridret_jax.ground import caching, faults, writing

FILE = tokenizer_files.FILE
_LOG = logging.getLogger(__name__)
CHUNK = 2048  # texts between two steps of the progress bar
# A backend holds the length that it cuts at, and threads share backends: those
# that build batches, and that of an evaluation meanwhile.
_ONE_AT_A_TIME = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Tokens:
  """Token ids of n texts, one after the other.

  Text i is `ids[offsets[i] : offsets[i + 1]]`, special tokens included.
  """

  ids: np.ndarray  # int32 [tokens]
  offsets: np.ndarray  # int64 [n + 1]
  cut: int  # how many texts were longer than allowed and lost an end
  types: np.ndarray | None = None  # int32 [tokens]; None where all are 0

  def __len__(self) -> int:
    return len(self.offsets) - 1

  @property
  def lengths(self) -> np.ndarray:
    """Tokens of each text, int64 [n]."""
    return np.diff(self.offsets)


@dataclasses.dataclass(frozen=True)
class Tokenizer:
  """A `tokenizer.json` with what the encoder needs to know of it.

  Attributes:
    pad_id: of the padding token.
    vocab_size: one more than the largest id, of added tokens too.
    hash: of tokenizer.json and of all below.
    backend: the `tokenizers.Tokenizer`; it lowers texts if that is asked for.
    lower_case: whether that is asked for.
    cut_side: "right" or "left", where a text that is too long loses tokens.
    pad_side: where others pad; here nothing is padded.
    types: of segments that the encoder has.
    second_type: of a pair's second segment where tokenizer.json gives both 0.
    pair_types: whether tokenizer.json's own types are used.
    names: of the special tokens, by role ("pad_token").
    source: tokenizer.json as it was read.
  """

  pad_id: int
  vocab_size: int
  hash: str
  backend: Any
  lower_case: bool = False
  cut_side: str = "right"
  pad_side: str = "right"
  types: int = 1
  second_type: int = 0
  pair_types: bool = True
  names: dict[str, str] = dataclasses.field(default_factory=dict)
  source: bytes = b""

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
    its end (its beginning, if `cut_side` is "left"); `cut` counts these texts.
    Where the encoder has several types, pairs have the types that
    tokenizer.json gives their segments; if it gives both 0, the second segment
    has `second_type`. With a `cache` folder the result is
    kept there under a hash of the tokenizer, the settings and the texts, and
    the same call reads it back instead of tokenising. A file that cannot be
    read is made again; without a place to write in nothing is kept.

    Raises:
      ValueError: `max_length` leaves no room for text, or a pair has a type
        that the encoder has not.
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
    kept = token_cache.read(path)
    if kept is not None:
      return Tokens(**{**kept, "cut": int(kept["cut"])})  # pyright: ignore
    tokens = self._encode(texts, contexts, prefix, max_length)
    with caching.tolerant(path.parent):
      token_cache.write(path, vars(tokens))
    return tokens

  @contextlib.contextmanager
  def cutting(self, max_length: int | None) -> Iterator[Any]:
    """Yields the backend, to this thread alone.

    Args:
      max_length: tokens that it cuts texts at; None cuts none.
    """
    with _ONE_AT_A_TIME, _panics():
      if max_length is None:
        self.backend.no_truncation()
      else:
        self.backend.enable_truncation(max_length, direction=self.cut_side)
      self.backend.no_padding()
      yield self.backend

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
    ids, types, lengths, cut = [], [], [], 0
    # Of one type there is nothing to tell, but another one may be asked for.
    typed = contexts is not None and (self.types > 1 or self.pair_types)
    # The bar shows itself only when the work takes more than five seconds.
    with tqdm.tqdm(
      total=len(texts), desc="tokenising", unit=" texts", delay=5
    ) as bar:
      for start in range(0, len(texts), CHUNK):
        run = slice(start, start + CHUNK)
        chunk = [prefix + text.strip() for text in texts[run]]
        if contexts is not None:
          seconds = (context.strip() for context in contexts[run])
          chunk = list(zip(chunk, seconds, strict=True))
        with self.cutting(max_length) as backend:
          encodings = backend.encode_batch_fast(chunk)
        ids.append(
          np.concatenate([np.array(e.ids, np.int32) for e in encodings])
        )
        if typed:
          types.extend(self._types(e) for e in encodings)
        lengths.extend(len(e) for e in encodings)
        cut += sum(bool(e.overflowing) for e in encodings)
        bar.update(len(chunk))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Tokens(
      ids=np.concatenate([np.zeros(0, np.int32), *ids]),
      offsets=offsets,
      cut=cut,
      types=np.concatenate([np.zeros(0, np.int32), *types])
      if typed and self.types > 1
      else None,
    )

  def _types(self, encoding):
    """Types of the tokens of a pair."""
    types = np.array(encoding.type_ids, np.int32)
    if not self.pair_types or not types.any():
      segments = encoding.sequence_ids
      # What follows a second segment that is empty is its end.
      start = segments.index(1) if 1 in segments else len(segments) - 1
      types = np.zeros(len(types), np.int32)
      types[start:] = self.second_type
    if types.max(initial=0) >= self.types:
      raise faults.Fault(
        FILE,
        f"gives a segment type {types.max()}, but type_vocab_size of"
        f" config.json is {self.types}",
        "give the tokenizer that the model was trained with",
      )
    return types

  def files(self, max_length: int) -> dict[str, str]:
    """Text of each file of this tokenizer, for a folder that others load.

    Args:
      max_length: tokens that a text is cut at there.
    """
    state = json.loads(self.source)
    if self.types > 1 and self.second_type:
      state["post_processor"] = tokenizer_files.typed(state["post_processor"])
    return tokenizer_files.of_export(
      state,
      self.names | {"pad_token": self.backend.id_to_token(self.pad_id)},
      max_length=max_length,
      cut_side=self.cut_side,
      pad_side=self.pad_side,
      feeds_types=self.types > 1,
    )


@contextlib.contextmanager
def _panics() -> Iterator[None]:
  """Has a panic of the tokenizers' library, no Exception, be a Fault."""
  try:
    yield
  except BaseException as error:
    if type(error).__name__ != "PanicException":
      raise
    raise faults.Fault(
      "tokenizer.json",
      f"its library gives up on a text ({' '.join(str(error).split())[:200]})",
      "take one whose regular expressions do not try so many ways",
    ) from error


def load(
  folder: str | pathlib.Path,
  *,
  lower_case: bool = False,
  types: int = 1,
  second_type: int = 0,
) -> Tokenizer:
  """The tokenizer in `folder/tokenizer.json`.

  The padding token is the one that tokenizer_config.json or
  special_tokens_map.json names, else `<pad>` or `[PAD]`. Texts that are too
  long are cut where tokenizer_config.json says, else tokenizer.json, else at
  the right. What tokenizer.json says of lengths and padding is not used.

  Args:
    folder: where it lies.
    lower_case: whether texts are lowered first.
    types: of segments that the encoder has.
    second_type: of a pair's second segment where tokenizer.json gives both 0.

  Raises:
    FileNotFoundError: there is no tokenizer.json.
    ValueError: it cannot be read, has no padding token, or says what cannot be
      done here.
  """
  folder = pathlib.Path(folder)
  path = folder / "tokenizer.json"
  if not path.is_file():
    raise FileNotFoundError(
      f"{path} does not exist; write it with transformers: "
      f"AutoTokenizer.from_pretrained(NAME).save_pretrained({str(folder)!r})"
    )
  stat = path.stat()
  data, backend, said, largest = _parsed(
    path.resolve(), stat.st_mtime_ns, stat.st_size, lower_case
  )
  beside = tokenizer_files.read(folder)
  tokenizer_files.check(folder, beside, backend, second_type=second_type)
  side = beside.cut_side or said
  return Tokenizer(
    pad_id=tokenizer_files.pad_id(folder, beside.names, backend),
    vocab_size=largest + 1,
    hash=_hash(
      data,
      lower_case=lower_case,
      left=side == "left",
      types=types > 1 and (types, second_type, beside.feeds_types),
    ),
    backend=backend,
    lower_case=lower_case,
    cut_side=side,
    pad_side=beside.pad_side,
    types=types,
    second_type=second_type,
    pair_types=beside.feeds_types,
    names=beside.names,
    source=data,
  )


def train_unigram(
  texts: Iterable[str], *, vocab_size: int, out: str | pathlib.Path
) -> None:
  """Trains a unigram tokenizer on `texts` and writes it to the folder `out`.

  It is laid out like XLM-R's: `<s>`, `<pad>`, `</s>`, `<unk>` are ids 0 to 3,
  `<mask>` is the last, and a text becomes `<s> ... </s>`. Few texts may yield
  fewer than `vocab_size` tokens. The same texts give the same files. The folder
  appears whole, in the place of one that is there.

  Raises:
    ValueError: `vocab_size` is too small for the characters of the texts, or
      there are no texts.
  """
  given = list(texts)
  of = tokenizer_made.of(given, vocab_size)
  backend = unigram.trained(given, vocab_size=vocab_size)
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
  with writing.replacing_folder(out) as folder:
    backend.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(text, "utf-8")
    tokenizer_made.mark(folder, of)


# Reading takes a second, and a config's check is followed by its use.
@functools.lru_cache(maxsize=2)
def _parsed(path, mtime, size, lower_case):
  """(bytes, backend, where it cuts, its largest id) of a tokenizer.json."""
  try:
    data = path.read_bytes()
    backend = tokenizers.Tokenizer.from_buffer(data)
  except (OSError, ValueError) as error:
    raise faults.Fault(
      path, f"is not a tokenizer ({error})", "save it again"
    ) from error
  side = (backend.truncation or {}).get("direction", "right")
  if lower_case:
    # As sentence-transformers does it: special tokens stay as they are.
    before = [backend.normalizer] if backend.normalizer else []
    backend.normalizer = normalizers.Sequence(
      [normalizers.Lowercase(), *before]  # pyright: ignore[reportArgumentType]
    )
  ids = backend.get_vocab(with_added_tokens=True).values()
  return data, backend, side, max(ids, default=-1)


def _hash(data, **settings):
  """Of a tokenizer.json and of what changes its tokens, if anything does."""
  digest = hashlib.sha256(data)
  said = {key: value for key, value in settings.items() if value}
  if said:
    digest.update(json.dumps(said, sort_keys=True).encode())
  return digest.hexdigest()
