"""Vectors that others made: read, checked by name, and judged like ours."""

import collections
import dataclasses
import pathlib
import re
from collections.abc import Callable, Sequence

import numpy as np

from hybridret_jax.ground import faults, reading
from hybridret_jax.retrieval.tasks import task as tasks

SIDES = ("queries", "candidates")
_NAMED = 3  # Texts that a message names.
_OFF = 1e-3
_NAME = re.compile(r"[^\W_][\w .+-]*")

Encoder = Callable[[Sequence[str]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Given:
  """A folder of vectors, and what they are called.

  `<folder>/<task>/` or, of one task alone, `<folder>/` holds queries.npy and
  candidates.npy, [texts, width] each; beside them query_ids.txt and
  candidate_ids.txt may name each row's text, an id a line. Without them rows
  are in the task's order.

  Attributes:
    name: label of the system.
    folder: where they lie.
  """

  name: str
  folder: pathlib.Path


def parse(spec: str) -> Given:
  """What NAME:FOLDER means.

  Raises:
    Fault: it is not of that form, or names a system of ours.
  """
  name, colon, folder = spec.partition(":")
  place = pathlib.Path(folder).expanduser()
  if not (name and colon and folder):
    raise faults.Fault(
      f"--vectors {spec!r}", "is not NAME:FOLDER", "write e5:vectors/e5"
    )
  if not _NAME.fullmatch(name) or re.match("(un)?trained", name):
    raise faults.Fault(
      f"--vectors {spec!r}",
      f"{name!r} is no name for these vectors",
      "use letters, digits and . + - and begin with no name of ours"
      " (trained, untrained)",
    )
  if not place.is_dir():
    raise faults.Fault(
      f"--vectors {spec!r}",
      f"{place} is no folder",
      "give the folder that holds queries.npy and candidates.npy",
    )
  return Given(name, place)


def load(
  given: Given, task: tasks.Task, *, normalize: bool = False
) -> tuple[np.ndarray, np.ndarray]:
  """(q_QD, c_ND) of a task, float32, in its order.

  Raises:
    Fault: a file is missing or no array, a text has no vector or two, or what
      `checked` refuses.
  """
  folder = given.folder
  if (folder / task.name).is_dir():
    folder = folder / task.name
  ids = (task.query_ids, task.candidate_ids)
  found = [
    _side(folder, side, wanted) for side, wanted in zip(SIDES, ids, strict=True)
  ]
  return checked(task, *found, place=str(folder), normalize=normalize)


def checked(
  task: tasks.Task,
  query_vectors,
  candidate_vectors,
  *,
  place: str = "vectors",
  normalize: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
  """The vectors of a task as ranking takes them: float32, of length one.

  Args:
    task: what they are of.
    query_vectors: [Q, D] in the task's order.
    candidate_vectors: [N, D] likewise.
    place: what messages call them.
    normalize: divides each vector by its length.

  Raises:
    Fault: naming the texts: a number or a width that does not fit, a value
      that is not finite, a vector of length zero, or of another than one.
  """
  ids = (task.query_ids, task.candidate_ids)
  arrays = [
    _numbers(vectors, names, f"{place}, {side}")
    for vectors, names, side in zip(
      (query_vectors, candidate_vectors), ids, SIDES, strict=True
    )
  ]
  if arrays[0].shape[1] != arrays[1].shape[1]:
    raise faults.Fault(
      place,
      f"queries are {arrays[0].shape[1]} wide and candidates"
      f" {arrays[1].shape[1]}",
      "take both from one model",
    )
  return tuple(
    _unit(vectors, names, f"{place}, {side}", normalize)
    for vectors, names, side in zip(arrays, ids, SIDES, strict=True)
  )  # pyright: ignore[reportReturnType]


def _side(folder, side, wanted):
  path = folder / f"{side}.npy"
  try:
    vectors = np.load(path, allow_pickle=False)
  except FileNotFoundError as error:
    raise faults.Fault(
      path, "is missing", f"save the {side}' vectors there with numpy.save"
    ) from error
  except (ValueError, OSError, EOFError) as error:
    raise faults.Fault(
      path, f"is no .npy file ({error})", "save it with numpy.save"
    ) from error
  names = folder / f"{'query' if side == 'queries' else 'candidate'}_ids.txt"
  if not names.is_file():
    return vectors
  ids = [line.strip("\r\n") for _, line in reading.lines(names)]
  if vectors.ndim != 2 or len(ids) != len(vectors):
    raise faults.Fault(
      names,
      f"has {len(ids)} ids, and {path} is of shape {vectors.shape}",
      "give each row of the array its id",
    )
  row_of = {name: row for row, name in enumerate(ids)}
  if len(row_of) < len(ids):
    twice = [n for n, count in collections.Counter(ids).items() if count > 1]
    raise faults.Fault(names, f"has {_some(twice)} twice", "name each id once")
  missing = [name for name in wanted if name not in row_of]
  if missing:
    raise faults.Fault(
      names,
      f"has no vector of {_some(missing)}",
      "encode every text of the task",
    )
  # What the task does not ask for may be there.
  return vectors[[row_of[name] for name in wanted]]


def _numbers(vectors, names, place) -> np.ndarray:
  array = np.asarray(vectors)
  if array.ndim != 2 or len(array) != len(names) or not array.shape[1]:
    raise faults.Fault(
      place,
      f"an array of shape {array.shape} is not one vector for each of"
      f" {len(names)} texts",
      f"give [{len(names)}, width]",
    )
  if array.dtype.kind not in "fiu":
    raise faults.Fault(
      place, f"the array holds {array.dtype}", "give floating numbers"
    )
  array = array.astype(np.float32)
  bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
  if len(bad):
    raise faults.Fault(
      place,
      f"{_some([names[row] for row in bad])} has a value that is no number",
      "look for what the model made of these texts",
    )
  return array


def _unit(vectors, names, place, normalize):
  length_N = np.linalg.norm(vectors.astype(np.float64), axis=1)
  zero = np.flatnonzero(length_N == 0)
  if len(zero):
    raise faults.Fault(
      place,
      f"{_some([names[row] for row in zero])} has a vector of length zero",
      "all that it is compared with would tie; encode it anew",
    )
  if normalize:
    return (vectors / length_N[:, None]).astype(np.float32)
  other = np.flatnonzero(np.abs(length_N - 1) > _OFF)
  if len(other):
    raise faults.Fault(
      place,
      f"{_some([names[row] for row in other])} has a vector of length"
      f" {length_N[other[0]]:.4g}, not one",
      "have them divided by their lengths: normalize=True, or --normalize",
    )
  return vectors


def _some(names) -> str:
  shown = ", ".join(map(repr, names[:_NAMED]))
  more = len(names) - _NAMED
  return shown + (f" and {more} more" if more > 0 else "")
