"""Targets of planted languages, and the distance from them on many devices."""

import jax
import numpy as np
import optax
import pytest

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import distillation, loss, state
from tests.training import tiny

ITEMS, LANGUAGES, WIDTH = 40, 3, 16
SHARE = 0.3


def planted(noise):
  """Vectors of an item and a language each, rows by item."""
  rng = np.random.default_rng(0)
  group_R = np.repeat(np.arange(ITEMS), LANGUAGES)
  language_R = np.tile(np.arange(LANGUAGES), ITEMS)
  item_GD = rng.normal(size=(ITEMS, WIDTH))
  offset_XD = 2 * rng.normal(size=(LANGUAGES, WIDTH))
  z_RD = 4 + item_GD[group_R] + offset_XD[language_R]
  z_RD += noise * rng.normal(size=z_RD.shape)
  unit_RD = z_RD / np.linalg.norm(z_RD, axis=1, keepdims=True)
  return unit_RD.astype(np.float32), language_R, group_R


def nearest_is_a_translation(y_RD, group_R):
  scores_RR = y_RD @ y_RD.T
  np.fill_diagonal(scores_RR, -np.inf)
  return np.mean(group_R[scores_RR.argmax(axis=1)] == group_R)


def test_languages_come_together_and_items_stay_apart():
  z_RD, language_R, group_R = planted(noise=0.3)
  assert nearest_is_a_translation(z_RD, group_R) < 0.2
  made = {
    kind: distillation.targets(z_RD, language_R, group_R, kind=kind)
    for kind in distillation.TARGETS
  }
  np.testing.assert_array_equal(made["own"], z_RD)
  assert nearest_is_a_translation(made["centred"], group_R) > 0.9
  for y_RD in made.values():
    np.testing.assert_allclose(np.linalg.norm(y_RD, axis=1), 1, rtol=1e-5)
  # All languages have one mean, but for what making unit vectors moves.
  means = [made["centred"][language_R == x].mean(axis=0) for x in range(3)]
  assert np.ptp(means, axis=0).max() < 0.02 < np.ptp(z_RD, axis=0).max()


def test_translations_have_one_target_as_far_out_as_a_single_text():
  z_RD, language_R, group_R = planted(noise=1.0)
  # Of the last ten items only one language is there.
  there = (group_R < ITEMS - 10) | (language_R == 0)
  z_RD, language_R, group_R = z_RD[there], language_R[there], group_R[there]
  # Rows in any order.
  order = np.random.default_rng(1).permutation(len(z_RD))
  y_RD = np.empty_like(z_RD)
  y_RD[order] = distillation.targets(
    z_RD[order], language_R[order], group_R[order], kind="group"
  )
  centred_RD = distillation.targets(z_RD, language_R, group_R, kind="centred")
  for group in range(ITEMS):
    mine_RD = y_RD[group_R == group]
    np.testing.assert_allclose(mine_RD, mine_RD[:1].repeat(len(mine_RD), 0))
  alone = group_R >= ITEMS - 10
  np.testing.assert_allclose(y_RD[alone], centred_RD[alone], atol=1e-6)

  def spread(x_RD):
    return np.linalg.norm(x_RD - x_RD.mean(axis=0), axis=1).mean()

  assert spread(y_RD[~alone]) == pytest.approx(
    spread(centred_RD[~alone]), rel=0.15
  )


def test_a_target_lies_between_the_own_vector_and_the_groups():
  z_RD, language_R, group_R = planted(noise=1.0)

  def made(kind, **share):
    return distillation.targets(z_RD, language_R, group_R, kind=kind, **share)

  own_RD, group_RD = made("centred"), made("group")
  np.testing.assert_array_equal(made("group", group_share=1.0), group_RD)
  np.testing.assert_allclose(made("group", group_share=0.0), own_RD, atol=1e-6)
  between_RD = made("group", group_share=0.5)
  cosine_R = np.sum(own_RD * group_RD, axis=1)
  for end_RD in (own_RD, group_RD):
    assert np.all(np.sum(between_RD * end_RD, axis=1) > cosine_R)
  with pytest.raises(ValueError, match="group_share 2 is not in"):
    made("group", group_share=2)


def test_unknown_targets_are_refused():
  with pytest.raises(ValueError, match="'english' is not one of"):
    distillation.targets(*planted(0.1), kind="english")


@pytest.mark.parametrize("layout", [(1, 1), (4, 2)])
@pytest.mark.parametrize("size", [13, 16])
def test_the_objective_mixes_the_distance_in(layout, size):
  """As numpy has it, of one device's vectors; thirteen pairs leave padding."""
  model = tiny.module(dropout=0.0)
  rng = np.random.default_rng(2)
  made = tiny.batch(3, size=size)
  for name in ("query_target", "passage_target"):
    y_BD = rng.normal(size=(size, 32)).astype(np.float32)
    made[name] = y_BD / np.linalg.norm(y_BD, axis=1, keepdims=True)
  z_ND = tiny.jit(
    lambda params: model.apply(
      {"params": params}, made["rows"]["both"], num_texts=2 * size
    )
  )(tiny.params(model))
  z_ND = np.asarray(z_ND, np.float64)
  y_ND = np.concatenate([made["query_target"], made["passage_target"]])
  away = np.mean(np.sum((z_ND - y_ND) ** 2, axis=1))
  plain = {k: v for k, v in made.items() if not k.endswith("_target")}
  value, figures = _value(layout, model, plain, size, distilled=0.0)
  mixed, both = _value(layout, model, made, size, distilled=SHARE)
  assert "distillation" not in figures
  assert both["distillation"] == pytest.approx(away, rel=1e-5)
  assert mixed == pytest.approx((1 - SHARE) * value + SHARE * away, rel=1e-5)
  gradient = _gradient(layout, model, made, size)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))
  assert optax.tree.norm(gradient) > 0.1


def _value(layout, model, made, size, *, distilled):
  mesh = tiny.mesh_of(*layout)
  first, minimised = _objective(mesh, model, size, distilled)
  with meshes.use(mesh):
    found = tiny.jit(minimised)(
      first.params, tiny.place(made, mesh), jax.random.key(0)
    )
  return jax.device_get(found)


def _gradient(layout, model, made, size):
  mesh = tiny.mesh_of(*layout)
  first, minimised = _objective(mesh, model, size, 1.0)
  with meshes.use(mesh):
    return jax.device_get(
      tiny.jit(jax.grad(minimised, has_aux=True))(
        first.params, tiny.place(made, mesh), jax.random.key(0)
      )[0]
    )


def _objective(mesh, model, size, distilled):
  first, shardings = state.create(
    tiny.start(model), optax.sgd(0.1), mesh, seed=0
  )
  return first, tiny.make_objective(
    mesh, model, shardings, size=size, distilled=distilled
  )


def test_padding_of_the_batch_has_no_distance():
  rng = np.random.default_rng(0)
  q_BD, p_BD, y_BD = rng.normal(size=(3, 4, 8)).astype(np.float32)
  pairs = loss.whole(q_BD, p_BD, np.arange(4))
  valid = np.array([True, True, False, True])
  cut = pairs.__class__(**{**vars(pairs), "valid_b": valid})
  found = distillation.distance(cut, y_BD, y_BD)
  kept = ((q_BD - y_BD) ** 2 + (p_BD - y_BD) ** 2).sum(axis=1)[valid] / 2
  assert float(found) == pytest.approx(kept.mean(), rel=1e-6)
