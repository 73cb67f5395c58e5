"""Names of what is judged: whose vectors, and with which correction."""

import dataclasses
import re
from collections.abc import Iterable

import numpy as np

from hybridret_jax.retrieval import baselines

_NAME = re.compile(
  r"(?P<origin>untrained|trained)"
  r"(_(?P<correction>means_subtracted|lir_(?P<rank>\d+))"
  r"(?P<training>_on_training_texts)?)?"
)


@dataclasses.dataclass(frozen=True)
class System:
  """A model's vectors, as they are or with a training-free correction.

  Attributes:
    name: as in `evaluation.systems`.
    origin: "untrained", "trained", or what given vectors are called.
    correction: "", "means_subtracted" or "lir_RANK".
    rank: directions that LIR removes; 0 without it.
    on_training_texts: whether the correction is estimated on texts of the
      training set; otherwise on those that are scored (transductive).
  """

  name: str
  origin: str
  correction: str
  rank: int
  on_training_texts: bool

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
    return ", ".join(parts)

  def apply(self, vectors_ND, language_N, known=None) -> np.ndarray:
    """The vectors with the correction.

    Args:
      vectors_ND: unit vectors of one side of a task.
      language_N: their languages.
      known: (vectors, languages) of training texts of that side.
    """
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

  As they are, and with each correction of `others` that is estimated on the
  task's own texts: training texts have no given vectors.
  """
  corrections = dict.fromkeys(
    (one.correction, one.rank) for one in others if not one.on_training_texts
  )
  return [
    System(
      f"{name}_{correction}".removesuffix("_"), name, correction, rank, False
    )
    for correction, rank in {("", 0): None} | corrections
  ]


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
      " _on_training_texts if they are not to be estimated on the task's texts"
    )
  return System(
    name=name,
    origin=match["origin"],
    correction=match["correction"] or "",
    rank=int(match["rank"] or 0),
    on_training_texts=bool(match["training"]),
  )
