"""What a compiled program moves between devices, read from its HLO text."""

import dataclasses
import math
import re
from collections.abc import Iterator

KINDS = (
  "all-gather",
  "all-reduce",
  "reduce-scatter",
  "all-to-all",
  "collective-permute",
)
_BITS = {"pred": 8}  # Other types have their width in their name.
_INSTRUCTION = re.compile(
  r"\s+(?:ROOT )?%?(?P<name>[\w.-]+) = (?P<type>.+?) (?P<op>[a-z][a-z0-9-]*)\("
)
_HEADER = re.compile(r"(?P<entry>ENTRY )?%?(?P<name>[\w.-]+) \(.*\{$")
_ARRAY = re.compile(r"\b([a-z]+)(\d*)[a-z0-9]*\[([0-9,]*)\]")
_CALLED = re.compile(
  r"\b(?:calls|to_apply|body|branch_computations|called_computations"
  r"|async_computation|true_computation|false_computation)="
  r"(\{[^}]*\}|%?[\w.-]+)"
)
_FRAME_TABLES = ("FunctionNames", "FileLocations", "StackFrames")


@dataclasses.dataclass(frozen=True)
class Collective:
  """One exchange between devices, as often as a run of the program does it.

  Attributes:
    kind: one of `KINDS`.
    devices: that take part together.
    shapes: of the arrays that each device puts in.
    operand_bytes: of these.
    times: how often it is done.
    counted: False where a loop around it has a length that is not in the
      program; `times` counts that loop once.
    functions: qualified names of the Python functions that asked for it, the
      innermost first; empty where the compiler made it, or made it of others.
  """

  kind: str
  devices: int
  shapes: tuple[tuple[int, ...], ...]
  operand_bytes: int
  times: int
  counted: bool
  functions: tuple[str, ...]

  @property
  def sent_bytes(self) -> int:
    """Bytes that each device sends in one run of the program.

    Of algorithms that move least (rings; Chan et al., "Collective
    communication: theory, practice, and experience", 2007): n devices send
    (n - 1) / n of the whole array in all-gather, reduce-scatter and all-to-all,
    twice that in all-reduce.
    """
    n, size = self.devices, self.operand_bytes
    once = {
      "all-gather": size * (n - 1),
      "all-reduce": 2 * size * (n - 1) // n,
      "reduce-scatter": size * (n - 1) // n,
      "all-to-all": size * (n - 1) // n,
      "collective-permute": size,
    }[self.kind]
    return once * self.times


def collectives(text: str) -> list[Collective]:
  """The collectives of a compiled program, in the order of its text.

  Args:
    text: `jax.stages.Compiled.as_text()`, after optimization.
  """
  computations, entry = _computations(text)
  frames = _frames(text)
  partitions = re.search(r"\bnum_partitions=(\d+)", text)
  everybody = int(partitions[1]) if partitions else 1
  found = []

  def visit(name, times, counted):
    lines = computations.get(name, [])
    types = {line["name"]: line["type"] for line in lines}
    for line in lines:
      kind = line["op"].removesuffix("-start")
      if kind in KINDS and _is_first(line, lines):
        if _keeps_a_share(line, lines):
          kind = "reduce-scatter"
        arrays = [
          array
          for operand in line["operands"]
          for array in _arrays(types.get(operand, ""))
        ]
        found.append(
          Collective(
            kind=kind,
            devices=_group_size(line["rest"]) or everybody,
            shapes=tuple(shape for shape, _ in arrays),
            operand_bytes=sum(
              math.prod(shape) * bits // 8 for shape, bits in arrays
            ),
            times=times,
            counted=counted,
            functions=frames(line["rest"]),
          )
        )
      trips = 1
      if line["op"] == "while":
        trips = _trips(line["rest"], computations)
      for called in _called(line):
        visit(called, times * (trips or 1), counted and trips is not None)

  visit(entry, 1, True)
  return found


def _computations(text):
  """Instructions by computation, and the name of the one that is run."""
  computations, entry, lines = {}, "", None
  for raw in text.splitlines():
    if not raw.startswith(" "):
      header = _HEADER.match(raw)
      lines = None
      if header:
        lines = computations[header["name"]] = []
        entry = header["name"] if header["entry"] else entry
    elif lines is not None and (match := _INSTRUCTION.match(raw)):
      inside, rest = _parenthesised(raw[match.end() :])
      operands = re.findall(r"%([\w.-]+)", inside)
      lines.append(
        {**match.groupdict(), "operands": operands, "rest": rest, "text": raw}
      )
  return computations, entry


def _parenthesised(text):
  """What stands before the parenthesis that closes, and after it."""
  depth = 1
  for at, letter in enumerate(text):
    depth += (letter == "(") - (letter == ")")
    if not depth:
      return text[:at], text[at + 1 :]
  return text, ""


def _called(line) -> Iterator[str]:
  for names in _CALLED.findall(line["rest"]):
    yield from re.findall(r"[\w.-]+", names)


def _is_first(line, lines):
  """Whether this is not one more part of a collective that runs beside others.

  The TPU compiler cuts one in parts, each in a fusion with what is computed
  meanwhile; the first part alone starts it.
  """
  if 'chain_id="' not in line["rest"]:
    return True
  return any("AsyncCollectiveStart" in other["rest"] for other in lines)


def _keeps_a_share(line, lines):
  """Whether this is the TPU compiler's reduce-scatter in a fusion."""
  return line["op"].startswith("all-reduce") and any(
    other["op"] == "dynamic-slice"
    and other["operands"][0] == line["name"]
    and " ROOT " in other["text"]
    for other in lines
  )


def _trips(rest, computations):
  known = re.search(r'"known_trip_count":\{"n":"(\d+)"\}', rest)
  if known:
    return int(known[1])
  condition = re.search(r"condition=%?([\w.-]+)", rest)
  lines = computations.get(condition[1], []) if condition else []
  # `i < constant`, i from 0 by 1, is what scans become.
  limits = [
    re.search(r"constant\((\d+)\)", line["text"])
    for line in lines
    if line["op"] == "constant" and line["type"].startswith(("s32", "s64"))
  ]
  below = any("direction=LT" in line["rest"] for line in lines)
  fused = any(line["op"] in ("fusion", "call") for line in lines)
  if len(limits) == 1 and limits[0] and (below or fused):
    return int(limits[0][1])
  return None


def _group_size(rest):
  """Devices of a group; 0 where the text names none, which means all."""
  groups = re.search(r"(?:replica_groups|source_target_pairs)=(.*)", rest)
  if not groups:
    return 0
  if listed := re.match(r"\{\{([\d,]+)\}", groups[1]):
    return len(listed[1].split(","))
  if iota := re.match(r"\[\d+,(\d+)\]", groups[1]):
    return int(iota[1])
  if named := re.match(r"mesh\[([^\]]*)\] \{([^}]*)\}", groups[1]):
    sizes = dict(re.findall(r"'(\w+)'=(\d+)", named[1]))
    axes = re.findall(r"'(\w+)'(?::\(\d+\)(\d+))?", named[2])
    return math.prod(int(part or sizes[axis]) for axis, part in axes)
  return 0


def _arrays(kind):
  """(shape, bits of an element) of the arrays of a type."""
  for name, width, shape in _ARRAY.findall(kind):
    bits = int(width) if width else _BITS.get(name, 0)
    yield tuple(int(n) for n in shape.split(",") if n), bits


def _frames(text):
  """A function: what follows an instruction -> names of Python functions."""
  tables = {name: {} for name in _FRAME_TABLES}
  table = None
  for raw in text.splitlines():
    if raw in tables:
      table = tables[raw]
    elif not raw.strip():
      table = None
    elif table is not None and (match := re.match(r"(\d+) (.*)", raw)):
      table[int(match[1])] = match[2]
  functions, locations, frames = (tables[name] for name in _FRAME_TABLES)

  def number(entry, key):
    found = re.search(rf"\b{key}=(\d+)", entry or "")
    return int(found[1]) if found else 0

  def names(rest):
    chain, frame = [], number(rest, "stack_frame_id")
    while frame in frames:
      location = locations.get(number(frames[frame], "file_location_id"))
      name = functions.get(number(location, "function_name_id"))
      if name:
        chain.append(name.strip('"'))
      # Frame n names its parent as one more than it is; the root names itself.
      parent = number(frames[frame], "parent_frame_id") - 1
      frame = parent if parent < frame else 0
    return tuple(chain)

  return names
