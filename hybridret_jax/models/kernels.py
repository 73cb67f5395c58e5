"""Attention kernels of others, and their use on split rows and heads."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from hybridret_jax.models import windows
from hybridret_jax.parallel import collectives
from hybridret_jax.parallel import mesh as meshes

SPLASH_ROW = 128  # The TPU kernel works on blocks of 128 tokens.


def splash(
  q_RHLK: jax.Array,
  k_RHLK: jax.Array,
  v_RHLK: jax.Array,
  segments_RL: jax.Array,
  *,
  window: int | None = None,
  causal: bool = False,
  interpret: bool = False,
) -> jax.Array:
  """`attention.attend` by the splash kernel of jax's Pallas operations.

  Args:
    q_RHLK: see `attention.attend`; L is a multiple of `SPLASH_ROW`.
    k_RHLK: likewise.
    v_RHLK: likewise.
    segments_RL: likewise.
    window: likewise; blocks that no window touches are left out.
    causal: likewise.
    interpret: runs the kernel without a TPU, slowly.
  """
  from jax.experimental.pallas.ops.tpu import splash_attention

  _, heads, length, units = q_RHLK.shape
  square, ahead = (length, length), 0 if causal else window
  one = splash_attention.FullMask(square)
  if causal or window is not None:
    one = splash_attention.LocalMask(square, (window, ahead), offset=0)
  mask = splash_attention.MultiHeadMask([one] * heads)
  block = next(b for b in (512, 256, SPLASH_ROW) if not length % b)
  names = ("q", "kv", "kv_compute", "q_dkv", "kv_dkv", "kv_dkv_compute")
  sizes: dict[str, Any] = {
    f"block_{name}": block for name in (*names, "q_dq", "kv_dq")
  }
  kernel = splash_attention.make_splash_mha(
    mask,
    head_shards=1,
    q_seq_shards=1,
    block_sizes=splash_attention.BlockSizes(**sizes),
    interpret=interpret,
  )

  def row(q_HLK, k_HLK, v_HLK, segments_L) -> Any:
    ids = splash_attention.SegmentIds(q=segments_L, kv=segments_L)
    return kernel(q_HLK, k_HLK, v_HLK, segment_ids=ids)

  scaled_RHLK = q_RHLK * jnp.asarray(units**-0.5, q_RHLK.dtype)
  return jax.vmap(row)(scaled_RHLK, k_RHLK, v_RHLK, segments_RL)


def dot_product(
  q_RHLK: jax.Array,
  k_RHLK: jax.Array,
  v_RHLK: jax.Array,
  segments_RL: jax.Array,
  *,
  implementation: str,
  causal: bool = False,
) -> jax.Array:
  """`attention.attend` by `jax.nn.dot_product_attention`.

  Args:
    q_RHLK: see `attention.attend`.
    k_RHLK: likewise.
    v_RHLK: likewise.
    segments_RL: likewise.
    implementation: "cudnn", on GPUs, or "xla".
    causal: likewise.
  """
  place_L = jnp.arange(segments_RL.shape[1])
  seen_RLM = windows.seen(
    segments_RL, segments_RL, place_L, place_L, None, causal
  )
  mixed_RLHK = jax.nn.dot_product_attention(  # pyright: ignore[reportCallIssue]
    q_RHLK.swapaxes(1, 2),
    k_RHLK.swapaxes(1, 2),
    v_RHLK.swapaxes(1, 2),
    mask=seen_RLM[:, None],
    implementation=implementation,  # pyright: ignore[reportArgumentType]
  )
  return mixed_RLHK.swapaxes(1, 2)


@functools.cache
def splash_of(window: int | None, causal: bool) -> Callable[..., jax.Array]:
  """`splash` for `split`: one object for equal settings."""
  return functools.partial(splash, window=window, causal=causal)


@functools.cache
def cudnn_of(causal: bool) -> Callable[..., jax.Array]:
  """`dot_product` by cuDNN for `split`: one object for equal settings."""
  return functools.partial(dot_product, implementation="cudnn", causal=causal)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def split(
  kernel: Callable[..., jax.Array],
  q_RHLK: jax.Array,
  k_RHLK: jax.Array,
  v_RHLK: jax.Array,
  segments_RL: jax.Array,
) -> jax.Array:
  """A kernel over each device's own rows and heads, and its gradients.

  The compiler cannot split a kernel, so what the mesh splits and the caller has
  not is split here. Nor can a kernel tell JAX which of its values are a
  device's own, so inside nothing is, and outside all is as it was: hence the
  gradients, which JAX would have to follow through both, are stated.

  Args:
    kernel: `splash_of`, `cudnn_of` or the like; one object for equal programs.
    q_RHLK: see `attention.attend`.
    k_RHLK: likewise.
    v_RHLK: likewise.
    segments_RL: likewise.
  """
  return _each(kernel, q_RHLK, k_RHLK, v_RHLK, segments_RL)


def _forward(kernel, *inputs):
  return split(kernel, *inputs), inputs


def _backward(kernel, inputs, dy_RHLK):
  def pull(q_RHLK, k_RHLK, v_RHLK, segments_RL, dy_RHLK):
    def mix(q_RHLK, k_RHLK, v_RHLK):
      return kernel(q_RHLK, k_RHLK, v_RHLK, segments_RL)

    return jax.vjp(mix, q_RHLK, k_RHLK, v_RHLK)[1](dy_RHLK)

  return *_each(pull, *inputs, dy_RHLK), None


split.defvjp(_forward, _backward)


def _each(function, *inputs):
  """`function` on every device, of what it has of the inputs."""
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty:
    return function(*inputs)
  free = [axis for axis in mesh.axis_names if axis not in mesh.manual_axes]
  rows = tuple(axis for axis in meshes.ROWS if axis in free)
  spec = PartitionSpec(rows or None, "tensor" if "tensor" in free else None)

  def inside(*inputs):
    # A product is nobody's own here; the compiler drops a factor of 1.
    return function(*(x * jnp.ones((), x.dtype) for x in inputs))

  out = jax.shard_map(
    inside,
    in_specs=tuple(
      spec if x.ndim > 2 else PartitionSpec(*spec[:1]) for x in inputs
    ),
    out_specs=spec,
    axis_names=set(free),
    check_vma=False,
  )(*inputs)
  return jax.tree.map(lambda x: collectives.alike(x, *inputs), out)
