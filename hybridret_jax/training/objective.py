"""What a step minimises: every slice embeds its rows, all compare over all."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from hybridret_jax.parallel import collectives
from hybridret_jax.training import distillation
from hybridret_jax.training import lora as adapters
from hybridret_jax.training import loss as losses
from hybridret_jax.training import state as states

# (model parameters, this slice's rows, dropout key) -> vectors of the whole
# batch by part ("query", "passage", "parallel"), zero where the text lies in
# another slice.
Embed = Callable[[Any, Any, jax.Array], dict[str, jax.Array]]
# What a batch holds of its pairs, [B], and of their hard negatives, [B, K].
LABELS = ("group", "text", "negative_group", "negative_text")
# What its queries and positives are drawn to, [B, D].
TARGETS = ("query_target", "passage_target")
_ADAPTERS = 1 << 20  # Their dropout's key is the step's with this folded in.


@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
  """The loss of a global batch as a function of the parameters.

  Attributes:
    embed: see `Embed`.
    slices: of the batch over the mesh.
    specs: of the parameters, `slices.parameter_specs`.
    temperature: τ, unless the state learns it.
    loss: other settings of `loss.contrastive`.
    distilled: share of `distillation.distance` in what is minimised; the rest
      is the contrastive loss's.
    lora: of the state's adapters, if it has any.
  """

  embed: Embed
  slices: collectives.Slices
  specs: Any
  temperature: float
  loss: dict[str, Any]
  distilled: float = 0.0
  lora: adapters.Settings | None = None

  def __call__(
    self, params: Any, batch: dict[str, Any], key: jax.Array
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """(loss, figures) of a batch.

    Args:
      params: of the state, laid out as it lays them out.
      batch: {"rows": by pack a tuple of tiers, split over the slices; "group"
        and "text" of each pair, [B]; "negative_group" and "negative_text" of
        its hard negatives, [B, K]; "parallel": which pairs carry a parallel
        query, [B]; where there is distillation, "query_target" and
        "passage_target", [B, D]}; all but the rows whole on every device. See
        `loss.Vectors`.
      key: of dropout.
    """
    rows_spec = self.slices.rows_spec()
    whole = jax.sharding.PartitionSpec()
    each = self.slices.each(
      self._of_slice,
      (self.specs, rows_spec, whole, whole),
      (whole, whole),
    )
    around = {name: x for name, x in batch.items() if name != "rows"}
    return each(params, batch["rows"], around, key)

  def _of_slice(self, params, rows, around, key):
    params = self.slices.gather_parameters(params, self.specs)
    parts = self.embedded(params, rows, key)
    tau = states.temperature(params, self.temperature)
    drawn_to = {name: around[name] for name in TARGETS if name in around}
    labels = {key: x for key, x in around.items() if key not in drawn_to}
    vectors = self._vectors(parts, **labels)
    value, metrics = losses.contrastive(
      vectors,
      temperature=tau,
      gather=self.slices.gather,
      total=self.slices.total,
      **self.loss,
    )
    if self.distilled:
      extra = -labels["group"].shape[0] % self.slices.count
      away = distillation.distance(
        vectors,
        *(
          self.slices.own_share(_pad(drawn_to[name], extra)) for name in TARGETS
        ),
        total=self.slices.total,
      )
      metrics["distillation"] = away
      value = (1 - self.distilled) * value + self.distilled * away
    if "log_scale" in params["loss"]:
      # The same on every slice; the mean says so to the compiler.
      tau = self.slices.total(tau) / self.slices.count
    return value, {**metrics, "temperature": jnp.asarray(tau)}

  def embedded(self, params, rows, key) -> dict[str, jax.Array]:
    """Vectors of these rows' texts by part, [texts, D]; of whole parameters."""
    model = adapters.of(params, self.lora, jax.random.fold_in(key, _ADAPTERS))
    return self.embed(model, rows, key)

  def _vectors(self, parts, parallel=None, **labels):
    """This slice's pairs: its share of each part, padded to a multiple."""
    batch, count = labels["group"].shape[0], self.slices.count
    passages_ND = parts["passage"]
    width = passages_ND.shape[1]
    share = {"q_bD": parts["query"], "p_bD": passages_ND[:batch]}
    if passages_ND.shape[0] > batch:
      # A pair's hard negatives side by side, so that they stay with it.
      share["n_cD"] = passages_ND[batch:].reshape(batch, -1)
    if "parallel" in parts:
      share["parallel_bD"] = parts["parallel"]
    extra = -batch % count
    own: dict[str, Any] = {
      name: self.slices.sum_and_split(_pad(x, extra))
      for name, x in share.items()
    }
    own["n_cD"] = own.get("n_cD", passages_ND[:0]).reshape(-1, width)
    index_B = jnp.arange(batch + extra)
    own["index_b"] = self.slices.own_share(index_B)
    own["valid_b"] = self.slices.own_share(index_B < batch)
    for name, x_B in labels.items():
      share_b = self.slices.own_share(_pad(x_B, extra))
      if name.startswith("negative_"):
        own[f"{name}_c"] = share_b.reshape(-1)
      else:
        own[f"{name}_b"] = share_b
    if parallel is not None and "parallel" in parts:
      own["has_parallel_b"] = self.slices.own_share(_pad(parallel, extra))
    return losses.Vectors(**own)


def _pad(x, extra):
  if not extra:
    return x
  return jnp.pad(x, ((0, extra), *((0, 0),) * (x.ndim - 1)))
