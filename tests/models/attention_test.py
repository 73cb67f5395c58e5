"""Every implementation of attention gives what plain softmax gives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.models import attention, kernels

ROWS, HEADS, LENGTH = 2, 2, 128


def inputs(units):
  rng = np.random.default_rng(0)
  shape = (ROWS, HEADS, LENGTH, units)
  q, k, v = (rng.normal(size=shape).astype(np.float32) for _ in range(3))
  segments = np.zeros((ROWS, LENGTH), np.int32)
  for row, lengths in enumerate([(3, 40, 70), (128,)]):
    segments[row, : sum(lengths)] = np.repeat(
      np.arange(1, len(lengths) + 1), lengths
    )
  return q, k, v, segments


def reference(q, k, v, segments):
  """Text by text, in float64."""
  out = np.zeros_like(q, np.float64)
  for r, h in np.ndindex(q.shape[:2]):
    for segment in np.unique(segments[r]):
      at = np.flatnonzero(segments[r] == segment)
      scores = q[r, h, at].astype(np.float64) @ k[r, h, at].T
      scores = np.exp(scores / np.sqrt(q.shape[-1]))
      out[r, h, at] = scores / scores.sum(-1, keepdims=True) @ v[r, h, at]
  return out


IMPLEMENTATIONS = {
  "xla": attention.attend,
  "splash": functools.partial(kernels.splash, interpret=True),
  # What cuDNN is called through; cuDNN itself needs a GPU.
  "dot_product": functools.partial(kernels.dot_product, implementation="xla"),
}


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("units", [32, 64])
def test_values_equal_softmax_within_segments(name, units):
  q, k, v, segments = inputs(units)
  found = IMPLEMENTATIONS[name](q, k, v, segments)
  np.testing.assert_allclose(found, reference(q, k, v, segments), atol=2e-5)


@pytest.mark.parametrize("name", ["splash", "dot_product"])
def test_gradients_equal_those_of_xla(name):
  q, k, v, segments = inputs(64)
  real = (segments > 0)[:, None, :, None]

  def gradients(attend):
    def total(q, k, v):
      return jnp.where(real, jnp.sin(attend(q, k, v, segments)), 0).sum()

    return jax.jit(jax.grad(total, argnums=(0, 1, 2)))(q, k, v)

  want = gradients(attention.attend)
  for found, expected in zip(
    gradients(IMPLEMENTATIONS[name]), want, strict=True
  ):
    error = np.linalg.norm(found - expected)
    assert error < 1e-5 * np.linalg.norm(expected)


def test_each_platform_gets_its_own():
  choose = functools.partial(attention.choose, dropout=False, dtype="bfloat16")
  assert choose("auto", platform="tpu") == "splash"
  assert choose("auto", platform="gpu") == "cudnn"
  assert choose("auto", platform="cpu") == "xla"
  # Neither kernel drops probabilities, and cuDNN takes 16 bits only.
  for platform in ("tpu", "gpu"):
    assert (
      attention.choose(
        "auto", platform=platform, dropout=True, dtype="bfloat16"
      )
      == "xla"
    )
  assert (
    attention.choose("auto", platform="gpu", dropout=False, dtype="float32")
    == "xla"
  )


@pytest.mark.parametrize(
  ("wanted", "settings", "words"),
  [
    ("flash", {}, "not one of"),
    ("splash", {"dropout": True}, "attention_dropout=0"),
    ("cudnn", {"dtype": "float32"}, "takes bfloat16"),
  ],
)
def test_what_cannot_run_is_refused(wanted, settings, words):
  common = {"platform": "gpu", "dropout": False, "dtype": "bfloat16"}
  with pytest.raises(ValueError, match=words):
    attention.choose(wanted, **{**common, **settings})
