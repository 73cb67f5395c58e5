"""Mutates valid files of every reader and looks at how each refuses them.

python -m benchmarks.fuzz_readers --seconds=600 --json=FILE

Hypothesis draws what is changed: bytes, before or after packing, or values of
the JSON that a file holds. A reader may take what it gets or raise a Fault (or
FileNotFoundError) of one line that names the file, with its line where the
file has lines; whatever else it does is a finding.
"""

import argparse
import collections
import copy
import gzip
import json
import pathlib
import re
import shutil
import tempfile
import time
import traceback
from typing import Any

import hypothesis
from hypothesis import strategies as st

from benchmarks.fuzz_targets import TARGETS, Target
from hybridret_jax.ground import faults

LONGEST = 2400  # Characters of a message.
# What is wrong with a file as a whole, or between files, has no line.
_WHOLE = re.compile(
  "stands for the same|cannot be read|not a file|not named after|no such file"
  "|the source has no <language>"
)


_VALUES = (
  *(None, True, False, 0, -1, 3, 2**31, 2**63, 10**30, 0.5, 1e308, "", " "),
  *(" a ", "a", "en", "EN", "pt_br", "iw", "English", "x-y", "\u2028", "\x85"),
  *("\u202e", "\ud800", "a\0b", "../x", "id", "q1", "c1", "d" * 5000, []),
  *({}, [[]], [None], ["a"], [1, 2], {"a": {}}, [[0, 1]], "1", "1#0", "g0"),
)
_TOKENS = (
  *(b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\xff", b"\xed\xa0\x80", b"\r"),
  *(b"\n", b"\r\n", b"\n\n", b"\t", b" ", b'"', b"\\", b"\\ud800", b"\\u0000"),
  *(b"{", b"}", b"[", b"]", b",", b":", b"NaN", b"-Infinity", b"1e999", b"-"),
  *(b"9" * 5000, b"[" * 2000, b'{"a":' * 70, b"\xe2\x80\xa8", b"\x0b", b"\x1c"),
  *(
    b'"id": 1, "id": 2,',
    b"\xf0\x9f\x98\x80",
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"#",
  ),
)
_OF_BYTES = ("insert", "delete", "replace", "double", "cut", "flip", "swap")
_OF_VALUES = ("set", "drop", "rename", "repeat", "add")


@st.composite
def mutants(draw, target: Target) -> dict[str, bytes]:
  """The files of a target with one to four changes."""
  texts: dict[str, Any] = dict(target.files)
  packed: dict[str, list] = {name: [] for name in texts}
  for _ in range(draw(st.integers(1, 4))):
    name = draw(st.sampled_from(sorted(texts)))
    kind = draw(st.sampled_from(("values", "bytes", "packed", "file")))
    if kind == "values" and isinstance(texts[name], str):
      texts[name] = _changed_values(draw, texts[name])
    elif kind == "packed" and name.endswith(".gz"):
      packed[name].append(draw(st.integers(0, 2**32 - 1)))
    elif kind == "file":
      texts = _changed_files(draw, texts, name)
      packed = {other: packed.get(other, []) for other in texts}
      if not texts:
        break
    else:
      texts[name] = _changed_bytes(draw, _encoded(texts[name]))
  made = {}
  for name, text in texts.items():
    data = _encoded(text)
    if name.endswith(".gz"):
      data = gzip.compress(data, mtime=0)
      for _ in packed[name]:
        data = _changed_bytes(draw, data)
    made[name] = data
  return made


def _encoded(text: str | bytes) -> bytes:
  return (
    text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
  )


def _changed_bytes(draw, data: bytes) -> bytes:
  start = draw(st.integers(0, len(data)))
  end = min(start + draw(st.integers(0, 40)), len(data))
  piece, how = data[start:end], draw(st.sampled_from(_OF_BYTES))
  if how == "cut":
    return data[:start]
  if how == "flip":
    return (
      data[:start] + bytes(b ^ (1 << start % 8) for b in piece) + data[end:]
    )
  if how == "swap":
    return data[:start] + data[end:] + piece
  put = {"delete": b"", "double": piece + piece}.get(how)
  if put is None:
    put = draw(st.sampled_from(_TOKENS) | st.binary(max_size=6))
  return data[:start] + put + data[start if how == "insert" else end :]


def _changed_values(draw, text: str) -> str:
  lines = text.split("\n")
  number = draw(st.integers(0, len(lines) - 1))
  try:
    value = json.loads(lines[number])
  except ValueError:  # A line of another format, or one that was changed.
    fields = lines[number].split("\t")
    fields[draw(st.integers(0, len(fields) - 1))] = str(_value(draw))
    lines[number] = "\t".join(fields)
    return "\n".join(lines)
  value = _changed_value(draw, copy.deepcopy(value))
  as_ascii = draw(st.booleans())
  lines[number] = json.dumps(value, ensure_ascii=as_ascii)
  if draw(st.booleans()):
    lines.insert(draw(st.integers(0, len(lines))), lines[number])
  return "\n".join(lines)


def _changed_value(draw, value: Any) -> Any:
  holders: list[Any] = []
  waiting = [value]
  while waiting:
    item = waiting.pop()
    if isinstance(item, dict | list) and item:
      holders.append(item)
      waiting += item.values() if isinstance(item, dict) else item
  if not holders or draw(st.integers(0, 20)) == 0:
    return _value(draw)
  holder = holders[draw(st.integers(0, len(holders) - 1))]
  keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
  key = keys[draw(st.integers(0, len(keys) - 1))]
  how = draw(st.sampled_from(_OF_VALUES))
  if how == "set":
    holder[key] = _value(draw)
  elif how == "drop":
    del holder[key]
  elif isinstance(holder, list):
    holder.insert(draw(st.integers(0, len(holder))), copy.deepcopy(holder[key]))
  elif how == "rename":
    holder[draw(st.sampled_from(["ID", " id", "contxt", "a\0", key + "s"]))] = (
      holder.pop(key)
    )
  else:
    holder[str(_value(draw))[:50]] = holder[key]
  return value


def _value(draw) -> Any:
  return draw(
    st.sampled_from(_VALUES)
    | st.integers(-9, 99)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=5)
  )


def _changed_files(draw, texts: dict[str, Any], name: str) -> dict[str, Any]:
  texts = dict(texts)
  stem, dot, end = name.partition(".")
  other = draw(
    st.sampled_from(
      [
        f"{name}.gz",
        name.removesuffix(".gz"),
        f"{stem.upper()}{dot}{end}",
        f"{stem}x{dot}{end}",
        f"{name}/inside",
      ]
    )
  )
  if draw(st.booleans()):
    text = texts.pop(name)
    if draw(st.booleans()):
      texts[other] = text
  elif not other.startswith(f"{name}/"):
    texts[other] = texts[name]
  return texts


def finding(target: Target, files: dict[str, bytes]) -> tuple[str, str | None]:
  """(how it ended, what is wrong with that or None)."""
  folder = pathlib.Path(tempfile.mkdtemp(prefix="fuzz"))
  try:
    for name, data in files.items():
      if any(other.startswith(f"{name}/") for other in files):
        continue  # A folder cannot be a file too.
      path = folder / name
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_bytes(data)
    try:
      target.read(folder)
    except (faults.Fault, FileNotFoundError) as error:
      return type(error).__name__, _wrong(target, error, folder)
    except BaseException as error:  # Whatever it is, it is a finding.
      last = traceback.extract_tb(error.__traceback__)[-1]
      at = f"{pathlib.Path(last.filename).name}:{last.name}"
      return "other", f"{type(error).__name__} at {at}: {str(error)[:200]!r}"
    return "read", None
  finally:
    shutil.rmtree(folder)


def _wrong(
  target: Target, error: Exception, folder: pathlib.Path
) -> str | None:
  said = str(error)
  if str(folder) not in said:
    return f"names no file: {said[:200]!r}"
  plain = said.replace(str(folder), "")
  if not plain.isprintable():
    return f"unprintable: {plain[:200]!r}"
  if len(plain) > LONGEST:
    return f"{len(plain)} characters: {plain[:200]!r}"
  if not isinstance(error, faults.Fault):
    return None
  file = re.match(r"(/[^:;]*\.(jsonl|tsv)(\.gz)?)(:\d+)?: ", plain)
  if target.by_line and file and not file[4] and not _WHOLE.search(plain):
    return f"names no line: {plain[:200]!r}"
  return None


def run(name: str, *, seed: int, examples: int) -> collections.Counter[str]:
  """Counts by outcome, and `finding: …` of what went wrong."""
  target = TARGETS[name]
  counts: collections.Counter[str] = collections.Counter()

  @hypothesis.seed(seed)
  @hypothesis.settings(
    max_examples=examples,
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
  )
  @hypothesis.given(mutants(target))
  def trial(files):
    ended, wrong = finding(target, files)
    counts[ended] += 1
    if wrong:
      counts[f"finding: {wrong}"] += 1

  assert finding(
    target, {k: _whole(k, v) for k, v in target.files.items()}
  ) == (
    "read",
    None,
  )
  trial()
  return counts


def _whole(name: str, text: str) -> bytes:
  return gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--seconds", type=float, default=600)
  parser.add_argument("--examples", type=int, default=300)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--json", type=pathlib.Path)
  args = parser.parse_args()
  found = {name: collections.Counter() for name in TARGETS}
  begun, turn, text = time.monotonic(), args.seed, ""
  while time.monotonic() - begun < args.seconds:
    for name in TARGETS:
      found[name] += run(name, seed=turn, examples=args.examples)
    report = {
      "seconds": round(time.monotonic() - begun),
      "seeds": [args.seed, turn],
      "examples": args.examples,
      "targets": {name: _told(counts) for name, counts in found.items()},
    }
    text = json.dumps(report, indent=1)
    if args.json:
      args.json.write_text(text + "\n")
    turn += 1
  print(text)


def _told(counts: collections.Counter[str]) -> dict[str, Any]:
  ends = {k: n for k, n in counts.items() if not k.startswith("finding")}
  return ends | {"findings": sorted(counts.keys() - ends.keys())}


if __name__ == "__main__":
  main()
