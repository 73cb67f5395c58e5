"""What MTEB asks of an encoder, on top of queries' and passages' vectors."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from hybridret_jax.ground import languages


class _Embeds(Protocol):
  dimension: int
  lengths: dict[str, int]
  languages: tuple[str, ...]
  prefixes: dict[str, str]
  name: str
  fingerprint: str

  def encode_queries(self, texts: Sequence[str]) -> np.ndarray: ...

  def encode_passages(self, texts: Sequence[str]) -> np.ndarray: ...


class Encoder:
  """MTEB's EncoderProtocol, so that `mteb.evaluate` takes a retriever as it is.

  Its own prefixes stand for MTEB's prompts: a task's prompt is not put before
  them.
  """

  def encode(
    self: _Embeds, inputs: Any, *, prompt_type: Any = None, **of_the_task: Any
  ) -> np.ndarray:
    """Unit vectors z_ND, float32, of batches as MTEB gives them.

    Args:
      inputs: batches, dictionaries with a list of texts under "text".
      prompt_type: MTEB's: its "query" is encoded as a query, anything else (a
        document, or a task without sides) as a passage.
      of_the_task: what else MTEB says of the task; none of it is used.
    """
    del of_the_task
    texts = [text for batch in inputs for text in batch["text"]]
    side = getattr(prompt_type, "value", prompt_type)
    encode = self.encode_queries if side == "query" else self.encode_passages
    return encode(texts)

  def similarity(self, one: Any, other: Any) -> Any:
    """Dot products [N, M], a tensor.

    Args:
      one: [N, D] unit vectors, arrays or tensors.
      other: [M, D] likewise.
    """
    one, other = _tensor(one), _tensor(other)
    return one @ other.T

  def similarity_pairwise(self, one: Any, other: Any) -> Any:
    """Dot products [N] of the vectors of equal rows, a tensor.

    Args:
      one: [N, D] unit vectors, arrays or tensors.
      other: [N, D] likewise.
    """
    one, other = _tensor(one), _tensor(other)
    return (one * other).sum(-1)

  @property
  def mteb_model_meta(self: _Embeds) -> Any:
    """What MTEB files results under: the name, and what vectors follow from.

    So another checkpoint of the same name is not taken for this one.
    """
    from mteb.models.model_meta import (  # pyright: ignore
      ModelMeta,
      ScoringFunction,
    )

    return ModelMeta.model_construct(
      loader=None,
      name=f"hybridret_jax/{self.name}",
      revision=self.fingerprint,
      release_date=None,
      languages=[languages.with_script(x) for x in self.languages] or None,
      n_parameters=None,
      memory_usage_mb=None,
      max_tokens=max(self.lengths.values()),
      embed_dim=self.dimension,
      license=None,
      open_weights=True,
      public_training_code=None,
      public_training_data=None,
      framework=[],
      similarity_fn_name=ScoringFunction.COSINE,
      use_instructions=any(self.prefixes.values()),
      training_datasets=None,
    )


def _tensor(vectors: Any) -> Any:
  import torch  # pyright: ignore[reportMissingImports]

  return torch.atleast_2d(torch.as_tensor(vectors))
