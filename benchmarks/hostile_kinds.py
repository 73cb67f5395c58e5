"""Files that strangers might send, kind by kind, each in a few lines."""

import dataclasses
import gzip
import io
import json
import os
import pathlib
import pickle
import shutil
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hybridret_jax.assembly import given, nonfinite, own_settings, run_record
from hybridret_jax.data import lexicons, sources
from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.models import huggingface, prompts_file, stated
from hybridret_jax.reporting import results, shares, training_log
from hybridret_jax.retrieval import corpora, store
from hybridret_jax.retrieval.tasks import jsonl, judged
from hybridret_jax.verbs import verify

ROOT = pathlib.Path(__file__).parents[1]
MODEL = ROOT / "tests/fixtures/tiny_xlm_roberta"
REFUSED, READ = "refused", "read"
DEEP = "[" * 100_000 + "]" * 100_000
_MB = 2**20


@dataclasses.dataclass(frozen=True)
class Case:
  """A file, or a few, of a stranger.

  Attributes:
    kind: what it is given as.
    name: of what is wrong with it.
    make: writes it into an empty folder.
    read: reads the folder as a command would.
    wanted: "refused", or "read" where it harms nobody.
  """

  kind: str
  name: str
  make: Callable[[pathlib.Path], Any]
  read: Callable[[pathlib.Path], Any]
  wanted: str = REFUSED


class Harm:
  """What a pickle would have Python do."""

  def __reduce__(self):
    return os.system, ("touch /tmp/hostile_file_ran",)


def cases() -> Iterator[Case]:
  """All of them."""
  yield from _rows()
  yield from _tables()
  yield from _corpora()
  yield from _tasks()
  yield from _lexicons()
  yield from _configs()
  yield from _tensors()
  yield from _tokenizers()
  yield from _modules()
  yield from _vectors()
  yield from _stores()
  yield from _results()
  yield from _runs()


def _put(name: str, data: str | bytes) -> Callable[[pathlib.Path], Any]:
  """Writes one file."""

  def make(folder):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())

  return make


def _row(**changes: Any) -> str:
  row = {"id": "1", "group": "g", "query": "q", "passage": "p", **changes}
  return json.dumps(row) + "\n"


def _rows() -> Iterator[Case]:
  def read(folder):
    return sources.read([folder / "pairs"], languages=["de"])

  bomb = gzip.compress(b"\0" * (256 * _MB))
  long = gzip.compress(_row(passage="a" * (64 * _MB)).encode(), 1)
  texts = {
    "a line of 64 MB, packed": ("de.jsonl.gz", long),
    "zeros without end, packed": ("de.jsonl.gz", bomb),
    "packed twice": ("de.jsonl.gz", gzip.compress(bomb)),
    "packed and cut short": ("de.jsonl.gz", bomb[:1000]),
    "packed by name only": ("de.jsonl.gz", _row()),
    "Zstandard by name only": ("de.jsonl.zst", _row()),
    "packed without saying so": ("de.jsonl", gzip.compress(_row().encode())),
    "a pickle by another name": ("de.jsonl", pickle.dumps(Harm())),
    "an archive by another name": ("de.jsonl", b"PK\x03\x04" + b"\0" * 100),
    "nested 100,000 times": ("de.jsonl", DEEP),
    "nested 70 times": ("de.jsonl", _row(x=json.loads("[" * 70 + "]" * 70))),
    "an integer of a million digits": (
      "de.jsonl",
      '{"id": %s}' % ("9" * 10**6),
    ),
    "a float beyond floats": ("de.jsonl", '{"id": 1e999}'),
    "NaN": ("de.jsonl", '{"id": NaN}'),
    "a key twice": ("de.jsonl", '{"id": "1", "id": "2"}'),
    "a NUL": ("de.jsonl", _row(passage="a\0b")),
    "half of a surrogate pair": ("de.jsonl", '{"id": "\\ud800"}'),
    "UTF-16": ("de.jsonl", _row().encode("utf-16")),
    "UTF-32": ("de.jsonl", _row().encode("utf-32")),
    "Latin-1": ("de.jsonl", '{"id": "\xe9"}'.encode("latin-1")),
    "no object": ("de.jsonl", "[1]\n"),
    "a text that is a number": ("de.jsonl", _row(passage=7)),
    "a text that is an object": ("de.jsonl", _row(passage={"$ref": "/etc"})),
    "negatives that are no texts": ("de.jsonl", _row(negatives=[[1]])),
    "a language that is a path": ("de.jsonl", _row(lang="../../etc")),
    "an id that is a list": ("de.jsonl", _row(id=["a"])),
  }
  for name, (file, data) in texts.items():
    yield Case("rows", name, _put(f"pairs/{file}", data), read)

  def pipe(folder):
    (folder / "pairs").mkdir()
    os.mkfifo(folder / "pairs/de.jsonl")

  def endless(folder):
    (folder / "pairs").mkdir()
    (folder / "pairs/de.jsonl").symlink_to("/dev/zero")

  def circle(folder):
    (folder / "pairs").mkdir()
    (folder / "pairs/de.jsonl").symlink_to("de.jsonl")

  def nested(folder):
    (folder / "pairs/de.jsonl").mkdir(parents=True)

  yield Case("rows", "a pipe that nobody fills", pipe, read)
  yield Case("rows", "a link to a device without end", endless, read)
  yield Case("rows", "a link to itself", circle, read)
  yield Case("rows", "a folder called as a file", nested, read)
  shown = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe <script>alert(1)</script>"
  yield Case(
    "rows",
    "markup, escapes and overrides in texts",
    _put("pairs/de.jsonl", _row(passage=shown, query=shown)),
    read,
    READ,
  )
  yield Case(
    "rows",
    "escapes in a name that is refused",
    _put("pairs/de.jsonl", _row(id=shown) + _row(id=shown, lang=shown)),
    read,
  )


def _tables() -> Iterator[Case]:
  def read(name):
    return lambda folder: sources.read([folder / name], languages=["de"])

  files = {
    "pairs.parquet": {
      "empty": b"",
      "the mark alone": b"PAR1",
      "marks around nothing": b"PAR1PAR1",
      "a footer of 4 GB": b"PAR1" + b"\0" * 40 + b"\xff\xff\xff\xffPAR1",
      "noise between marks": b"PAR1"
      + bytes(range(256)) * 8
      + b"\x40\0\0\0PAR1",
      "a pickle": pickle.dumps(Harm()),
    },
    "pairs.arrow": {
      "empty": b"",
      "the mark alone": b"ARROW1\0\0",
      "a message of 2 GB": b"ARROW1\0\0\xff\xff\xff\xff\xff\xff\xff\x7f" * 4,
      "a pickle": pickle.dumps(Harm()),
    },
    "pairs.csv": {
      "a quote that never ends": 'query,passage\n"' + "a,b\n" * 10**5,
      "a field of 40 MB": "query,passage\nq," + "a" * (40 * _MB) + "\n",
      "a hundred thousand columns": ",".join(map(str, range(10**5))) + "\n1\n",
      "a NUL": "query,passage\na,b\0c\n",
      "a formula for a spreadsheet, and no columns": "=cmd|'/C calc'!A0\n1\n",
    },
    "pairs.tsv": {
      "rows of other lengths": "query\tpassage\na\tb\tc\n",
      "UTF-16": "query\tpassage\na\tb\n".encode("utf-16"),
    },
  }
  for file, texts in files.items():
    for name, data in texts.items():
      kind = file.rpartition(".")[2]
      yield Case(kind, name, _put(file, data), read(file))


def _corpora() -> Iterator[Case]:
  def read(folder):
    return list(corpora.Corpus(next(folder.iterdir())))

  for name, file, data in (
    (
      "an id with a line's end twice",
      "c.jsonl",
      '{"id": "a", "text": "t"}\n' * 2,
    ),
    ("no text", "c.jsonl", '{"id": "a"}\n'),
    ("a text of a list", "c.jsonl", '{"id": "a", "text": ["t"]}\n'),
    ("nested 100,000 times", "c.jsonl", DEEP),
    ("a Parquet without a footer", "c.parquet", b"PAR1" + b"\0" * 99),
  ):
    yield Case("corpus", name, _put(file, data), read)


def _tasks() -> Iterator[Case]:
  text = '{"id": "%s", "lang": "de", "text": "t"}\n'

  def task(**files):
    whole = {
      "queries.jsonl": text % "q",
      "candidates.jsonl": text % "c",
      "qrels.tsv": "q\tc\t1\n",
      **files,
    }

    def make(folder):
      for name, data in whole.items():
        _put(name, data)(folder)

    return make

  for name, data in {
    "a judgement of an id that is not there": "q\tzz\t1\n",
    "four words in a line": "q 0 c 1 2\n",
    "a judgement that is no number": "q\tc\tinf\n",
    "a judgement of a million digits": f"q\tc\t{'9' * 10**6}\n",
    "nothing": "",
    "a pickle": pickle.dumps(Harm()),
    "a line of 40 MB": "q\t" + "c" * (40 * _MB) + "\t1\n",
  }.items():
    yield Case("qrels", name, task(**{"qrels.tsv": data}), jsonl.load)
  for name, data in {
    "nested 100,000 times": DEEP,
    "a language that is markup": '{"id": "q", "lang": "<b>", "text": "t"}\n',
    "an id twice": text % "q" * 2,
  }.items():
    yield Case("task", name, task(**{"queries.jsonl": data}), jsonl.load)

  def beir(folder):
    _put("corpus.jsonl", '{"_id": "c", "text": "t"}\n')(folder)
    _put("queries.jsonl", '{"_id": "q", "text": "t"}\n')(folder)
    _put("qrels/../../outside.tsv", "q\tc\t1\n")(folder)
    (folder / "qrels/test.tsv").symlink_to("/etc/hostname")

  yield Case("qrels", "a link out of the folder", beir, judged.load)


def _lexicons() -> Iterator[Case]:
  def read(folder):
    return lexicons.read(["de:en=words.txt"], place=lambda x: folder / x)

  for name, data in {
    "a word alone": "haus\n",
    "a line of a million words": "haus " * 10**6 + "\n",
    "a NUL": "haus\0 house\n",
    "UTF-16": "haus house\n".encode("utf-16"),
    "a pickle": pickle.dumps(Harm()),
    "nothing": "",
  }.items():
    yield Case("lexicon", name, _put("words.txt", data), read)


def _model(folder: pathlib.Path) -> None:
  shutil.copytree(MODEL, folder, dirs_exist_ok=True)


def _changed(name: str, change: Callable[[dict[str, Any]], Any]):
  """A model of which one JSON file is changed."""

  def make(folder):
    _model(folder)
    path = folder / name
    value = json.loads(path.read_text()) if path.is_file() else {}
    found = change(value)
    text = found if isinstance(found, str) else json.dumps(found)
    path.write_text(text)

  return make


def _configs() -> Iterator[Case]:
  def read(folder):
    config = huggingface.read_config(folder)
    abstract = {
      "encoder": {"tokens": {"embedding": np.zeros((1, 1), np.float32)}}
    }
    return huggingface.check(folder, {"both": abstract}, config)

  for name, change in {
    "a trillion hidden units": lambda x: x | {"hidden_size": 10**12},
    "a billion layers": lambda x: x | {"num_hidden_layers": 10**9},
    "a negative vocabulary": lambda x: x | {"vocab_size": -5},
    "heads that do not divide": lambda x: x | {"num_attention_heads": 7},
    "no heads": lambda x: x | {"num_attention_heads": 0},
    "code of its own": lambda x: (
      x | {"auto_map": {"AutoModel": "evil.Model"}, "model_type": "evil"}
    ),
    "an unknown architecture": lambda x: x | {"model_type": "../../evil"},
    "numbers as texts": lambda x: x | {"hidden_size": "32; import os"},
    "an integer of a million digits": lambda x: (
      '{"hidden_size": %s}' % ("9" * 10**6)
    ),
    "nested 100,000 times": lambda x: DEEP,
    "NaN": lambda x: '{"layer_norm_eps": NaN}',
    "a list": lambda x: [],
    "a key twice": lambda x: '{"model_type": "bert", "model_type": "bert"}',
    "nothing": lambda x: "",
  }.items():
    yield Case("config.json", name, _changed("config.json", change), read)


def _safetensors(header: Any, data: bytes = b"", length: int | None = None):
  text = header if isinstance(header, bytes) else json.dumps(header).encode()
  size = len(text) if length is None else length
  return struct.pack("<Q", size) + text + data


def _tensors() -> Iterator[Case]:
  def one(begin: int, end: int, shape=(1,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}

  for name, data in {
    "a header of 2^60 bytes": _safetensors({}, length=2**60),
    "a header of 200 MB that is not there": _safetensors({}, length=200 * _MB),
    "a header that is no JSON": _safetensors(b"{x"),
    "a header nested 100,000 times": _safetensors(DEEP.encode()),
    "a tensor beyond the file": _safetensors({"a": one(0, 4000)}, b"\0" * 4),
    "tensors that overlap": _safetensors(
      {"a": one(0, 4), "b": one(0, 4)}, b"\0" * 4
    ),
    "a hole between tensors": _safetensors(
      {"a": one(0, 4), "b": one(8, 12)}, b"\0" * 12
    ),
    "a shape of 2^80 numbers": _safetensors(
      {"a": one(0, 4, (2**40, 2**40))}, b"\0" * 4
    ),
    "a negative shape": _safetensors({"a": one(0, 4, (-1,))}, b"\0" * 4),
    "an unknown type": _safetensors({"a": one(0, 4, dtype="EVIL")}, b"\0" * 4),
    "a name twice": _safetensors(
      b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
      b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      b"\0" * 4,
    ),
    "not a number": _safetensors(
      {"a": one(0, 4)}, np.array([np.nan], np.float32).tobytes()
    ),
    "integers": _safetensors({"a": one(0, 4, dtype="I32")}, b"\0" * 4),
    "empty": b"",
    "a pickle": pickle.dumps(Harm()),
  }.items():
    yield Case(
      "safetensors",
      name,
      _put("model.safetensors", data),
      huggingface.read_tensors,
    )
  yield Case(
    "safetensors",
    "a pickle alone",
    _put("pytorch_model.bin", pickle.dumps(Harm())),
    huggingface.read_tensors,
  )
  for name, file in {
    "an index that leaves the folder": "../../outside.safetensors",
    "an index of an absolute path": "/etc/passwd.safetensors",
    "an index with a NUL": "a\0.safetensors",
    "an index of a pickle": "pytorch_model.bin",
    "an index of a number": 7,
    "an index of what is not there": "gone.safetensors",
  }.items():
    text = json.dumps({"weight_map": {"a": file}})
    yield Case(
      "safetensors",
      name,
      _put("model.safetensors.index.json", text),
      huggingface.read_tensors,
    )


def _tokenizers() -> Iterator[Case]:
  def unigram(folder):
    tokenizers.train_unigram(
      ["ein wort und noch eines", "abc def"], vocab_size=40, out=folder
    )

  def changed(name, change):
    def make(folder):
      unigram(folder)
      path = folder / name
      value = json.loads(path.read_text()) if path.is_file() else {}
      found = change(value)
      path.write_text(found if isinstance(found, str) else json.dumps(found))

    return make

  def read(folder):
    made = tokenizers.load(folder)
    made.encode(["a" * 5000 + "!"], max_length=16, prefix="")

  regex = {"type": "Split", "pattern": {"Regex": "(a+)+$"}}
  regex |= {"behavior": "Isolated", "invert": False}
  for name, change in {
    "no JSON": lambda x: "{",
    "nested 100,000 times": lambda x: DEEP,
    "no vocabulary": lambda x: x | {"model": {"type": "Unigram"}},
    "an unknown model": lambda x: x | {"model": {"type": "os.system"}},
    "a decoder that is none": lambda x: x | {"decoder": {"type": "evil"}},
    "an id of 2^40": lambda x: (
      x
      | {
        "added_tokens": [
          {"id": 2**40, "content": "<x>", "special": True}
          | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
          | {"normalized": False}
        ]
      }
    ),
  }.items():
    yield Case("tokenizer", name, changed("tokenizer.json", change), read)
  yield Case(
    "tokenizer",
    "a regular expression that backtracks",
    changed("tokenizer.json", lambda x: x | {"pre_tokenizer": regex}),
    read,
  )
  for name, change in {
    "a list": lambda x: [],
    "nested 100,000 times": lambda x: DEEP,
    "a side that is none": lambda x: x | {"truncation_side": "../up"},
  }.items():
    yield Case(
      "tokenizer",
      f"config: {name}",
      changed("tokenizer_config.json", change),
      read,
    )


def _modules() -> Iterator[Case]:
  def read(folder):
    found = stated.read(folder)
    prompts_file.prefixes(folder, unit=True)
    return found

  def module(**changes):
    first = {"idx": 0, "name": "0", "path": ""}
    first |= {"type": "sentence_transformers.models.Transformer"}
    second = {"idx": 1, "name": "1", "path": "1_Pooling"}
    second |= {"type": "sentence_transformers.models.Pooling"} | changes
    return [first, second]

  for name, value in {
    "a module of the system": module(type="os.system"),
    "a module of its own code": module(type="evil.Module"),
    "a path out of the folder": module(path="../../outside"),
    "an absolute path": module(path="/etc"),
    "an object": {"a": 1},
    "a module that is no object": [7],
  }.items():
    yield Case(
      "modules.json",
      name,
      _changed("modules.json", lambda x, value=value: json.dumps(value)),
      read,
    )
  yield Case(
    "modules.json",
    "nested 100,000 times",
    _changed("modules.json", lambda x: DEEP),
    read,
  )
  for name, value in {
    "a length of a billion": {"max_seq_length": 10**9},
    "a negative length": {"max_seq_length": -1},
    "a length that is a text": {"max_seq_length": "512"},
  }.items():

    def make(folder, value=value):
      _changed("modules.json", lambda x: json.dumps(module()))(folder)
      _put("1_Pooling/config.json", '{"pooling_mode_mean_tokens": true}')(
        folder
      )
      _put("sentence_bert_config.json", json.dumps(value))(folder)

    yield Case("sentence_bert_config", name, make, read)


def _npy(array: Any, *, header: bytes | None = None) -> bytes:
  file = io.BytesIO()
  if header is None:
    np.save(file, array, allow_pickle=True)
    return file.getvalue()
  return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header


def _header(shape: str, kind: str = "'<f4'") -> bytes:
  text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n"
  return text.encode()


_ARRAYS = {
  "objects, a pickle": _npy(np.array([Harm()], object)),
  "a shape of 2^62 numbers": _npy(
    None, header=_header("(4611686018427387904,)")
  ),
  "a negative shape": _npy(None, header=_header("(-1, 4)")),
  "a header that calls": _npy(
    None, header=_header("__import__('os').system('true')")
  ),
  "a type that calls": _npy(
    None, header=_header("(1,)", "__import__('os').system('true')")
  ),
  "text instead of numbers": _npy(np.array([["a"]])),
  "empty": b"",
  "a pickle": pickle.dumps(Harm()),
}


def _vectors() -> Iterator[Case]:
  def read(folder):
    return given._numbers(given._side(folder, "queries", ["q"]), ["q"], folder)

  for name, data in _ARRAYS.items():
    yield Case("vectors", name, _put("queries.npy", data), read)

  def link(folder):
    (folder / "queries.npy").symlink_to("/dev/zero")

  yield Case("vectors", "a link to a device without end", link, read)


def _stores() -> Iterator[Case]:
  def read(folder):
    return list(store.read(store.of_folder(folder), verify=False))

  def make(**changes):
    def write(folder):
      array = _npy(np.ones((1, 2), np.float32))
      (folder / "00000.npy").write_bytes(array)
      (folder.parent / "outside.npy").write_bytes(array)
      shard = {"number": 0, "file": "00000.npy", "rows": 1}
      shard |= {"sha256": "0" * 64, "texts_sha256": "0" * 64}
      whole = {
        "schema": 1,
        "texts": 1,
        "shard_size": 1,
        "side": "query",
        "dtype": "float32",
        "dimension": 2,
        "fingerprint": "",
        "shards": [shard | changes],
      }
      (folder / store.MANIFEST).write_text(json.dumps(whole))

    return write

  for name, changes in {
    "a shard out of the folder": {"file": "../outside.npy"},
    "a shard of an absolute path": {"file": "/etc/passwd"},
    "a shard of another file here": {"file": store.MANIFEST},
    "a shard that is a number": {"file": 7},
  }.items():
    yield Case("store", name, make(**changes), read)
  for name, data in _ARRAYS.items():

    def write(folder, data=data):
      make()(folder)
      (folder / "00000.npy").write_bytes(data)

    yield Case("store", f"a shard with {name}", write, read)
  for name, text in {"nested 100,000 times": DEEP, "a list": "[]"}.items():
    yield Case("store", f"a manifest: {name}", _put(store.MANIFEST, text), read)


def _results() -> Iterator[Case]:
  for name, text in {
    "nested 100,000 times": DEEP,
    "nothing": "",
    "a list": "[]",
    "another schema": '{"schema": 999}',
    "no systems": '{"schema": 1, "systems": 7}',
    "an integer of a million digits": '{"schema": %s}' % ("9" * 10**6),
    "a key twice": '{"schema": 1, "schema": 1}',
  }.items():
    yield Case("results", name, _put("results.json", text), results.load)
    yield Case(
      "examples", name, _put("examples.json", text), results.load_examples
    )


def _runs() -> Iterator[Case]:
  def settings(folder):
    from hybridret_jax import defaults

    return own_settings.recorded(defaults.get_config(), folder)

  def there(name, text):
    def make(folder):
      (folder / "checkpoints/1/state").mkdir(parents=True)
      (folder / "checkpoints/1/_CHECKPOINT_METADATA").write_text("{}")
      (folder / "checkpoints/1/state/_METADATA").write_text("{}")
      _put(name, text)(folder)

    return make

  for name, text in {
    "nested 100,000 times": DEEP,
    "a list": "[]",
    "nothing": "",
    "code for a setting": '{"train": {"steps": "__import__(\'os\')"}}',
    "a section that is a number": '{"train": 7}',
  }.items():
    yield Case("run", f"config: {name}", there("config.json", text), settings)
  for name, text in {
    "nested 100,000 times": DEEP,
    "a list": "[]",
    "nothing": "",
    "no sources": '{"schema": 1}',
  }.items():
    yield Case(
      "run", f"record: {name}", _put("record.json", text), run_record.load
    )
    yield Case("run", f"shares: {name}", _put("shares.json", text), shares.load)
  for name, text in {
    "nested 100,000 times": DEEP,
    "nothing": "",
    "a step out of the folder": '{"schema": 1, "step": "../../x"}',
  }.items():
    yield Case(
      "run",
      f"bundle: {name}",
      _put("nonfinite/7/bundle.json", text),
      nonfinite.find,
    )
  yield Case(
    "run",
    "a log nested 100,000 times",
    _put("metrics.jsonl", DEEP + "\n" + DEEP + "\n"),
    training_log.read,
  )
  yield Case(
    "run",
    "certificates nested 100,000 times",
    _put("certificate.jsonl", DEEP + "\n" + DEEP + "\n"),
    training_log.certificates,
  )

  def damaged(folder):
    sections = {"batches": {}, "train": {}, "export": {}}
    there("config.json", json.dumps(sections))(folder)
    (folder / "record.json").write_text(DEEP)

  def verified(folder):
    return [x for x in verify.verify(folder) if x.state == verify.DAMAGED][0]

  yield Case("run", "a record that verify meets", damaged, verified, READ)
