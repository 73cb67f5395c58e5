"""Names of what is judged: whose vectors, how corrected or made small."""

import dataclasses
import re
from collections.abc import Iterable

import numpy as np

from hybridret_jax.retrieval import baselines, small_vectors

_NAME = re.compile(
  r"(?P<origin>untrained|trained)"
  r"((_(?P<correction>means_subtracted|lir_(?P<rank>\d+))"
  r"(?P<training>_on_training_texts)?)?"
  r"|(_(?P<dims>[1-9]\d*))?(_(?P<stored>int8|binary))?)"
)


@dataclasses.dataclass(frozen=True)
class System:
  """A model's vectors: as they are, with a training-free correction, or small.

  Attributes:
    name: as in `evaluation.systems`.
    origin: "untrained", "trained", or what given vectors are called.
    correction: "", "means_subtracted" or "lir_RANK".
    rank: directions that LIR removes; 0 without it.
    on_training_texts: whether the correction is estimated on texts of the
      training set; otherwise on those that are scored (transductive).
    dims: to which vectors are cut; 0 leaves them whole.
    stored: "", "int8" or "binary": how candidates are kept; queries stay
      float32.
  """

  name: str
  origin: str
  correction: str
  rank: int
  on_training_texts: bool
  dims: int = 0
  stored: str = ""

  @property
  def changes(self) -> bool:
    """Whether vectors are not judged as they are."""
    return bool(self.correction or self.dims or self.stored)

  @property
  def label(self) -> str:
    """What tables call it."""
    parts = [self.origin]
    if self.rank:
      parts.append(f"LIR r={self.rank}")
    elif self.correction:
      parts.append("language means subtracted")
    if self.on_training_texts:
      parts.append("estimated on training texts")
    if self.dims:
      parts.append(f"{self.dims} dimensions")
    if self.stored:
      parts.append(f"candidates in {self.stored}")
    return ", ".join(parts)

  def apply(
    self, vectors_ND, language_N, known=None, *, side: str = "query"
  ) -> np.ndarray:
    """The vectors as this system has them.

    Args:
      vectors_ND: unit vectors of one side of a task.
      language_N: their languages.
      known: (vectors, languages) of training texts of that side.
      side: "query" or "candidate".
    """
    if self.dims:
      vectors_ND = small_vectors.cut(vectors_ND, self.dims)
    if self.stored and side == "candidate":
      vectors_ND = small_vectors.stored(vectors_ND, self.stored)
    if not self.correction:
      return vectors_ND
    given = {}
    if self.on_training_texts:
      given = dict(
        zip(("known_ND", "known_language_N"), known or (), strict=True)
      )
    if self.rank:
      return baselines.remove_language_directions(
        vectors_ND, language_N, self.rank, **given
      )
    return baselines.subtract_language_means(vectors_ND, language_N, **given)


def of_given(name: str, others: Iterable[System] = ()) -> list[System]:
  """The systems of vectors that are given, under a name of their own.

  As they are, and as each of `others` has its own; but for corrections that
  are estimated on training texts, of which there are no given vectors.
  """
  found = {"": System(name, name, "", 0, False)}
  for one in others:
    if not one.on_training_texts:
      ending = one.name[len(one.origin) :]
      found[ending] = dataclasses.replace(
        one, name=f"{name}{ending}", origin=name
      )
  return list(found.values())


def parse(name: str) -> System:
  """The system that a name of `evaluation.systems` means.

  Raises:
    ValueError: it means none.
  """
  match = _NAME.fullmatch(name)
  if not match:
    raise ValueError(
      f"evaluation.systems names {name!r}; write untrained or trained, then"
      " nothing, _means_subtracted or _lir_1 (or 2 …), and after those two"
      " _on_training_texts if they are not to be estimated on the task's texts;"
      " or a number of dimensions (_256), _int8 or _binary, or both (_256_int8)"
    )
  return System(
    name=name,
    origin=match["origin"],
    correction=match["correction"] or "",
    rank=int(match["rank"] or 0),
    on_training_texts=bool(match["training"]),
    dims=int(match["dims"] or 0),
    stored=match["stored"] or "",
  )
