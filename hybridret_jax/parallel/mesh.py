"""The device mesh, the logical axis rules, and the shardings that follow."""

import contextlib
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

AXES = ("data", "fsdp", "tensor")
ROWS = ("data", "fsdp")  # Packed rows, pairs and queries are split over these.

# Where an array's logical axes lie. An axis that is split over two mesh axes
# names the one that train steps handle themselves (`collectives`) first.
RULES = (
  ("rows", ROWS),
  ("batch", ROWS),
  ("length", None),
  ("vocab", ("fsdp", "tensor")),
  ("embed", "fsdp"),
  ("mlp", "tensor"),
  ("heads", "tensor"),
  ("layers", None),
)


def make(data: int = -1, fsdp: int = 1, tensor: int = 1) -> Mesh:
  """A mesh `data` x `fsdp` x `tensor` over all devices of all processes.

  Args:
    data: slices of the batch that keep a copy of the parameters; -1 takes what
      the devices leave.
    fsdp: slices of the batch that parameters and optimizer state are split
      over (Rajbhandari et al., "ZeRO", arXiv 1910.02054).
    tensor: slices of heads, hidden units and vocabulary (Shoeybi et al.,
      "Megatron-LM", arXiv 1909.08053); each sees all rows.

  Raises:
    ValueError: the product is not the number of devices.
  """
  sizes = fill(data, fsdp, tensor, jax.device_count())
  # make_mesh defaults to Explicit axes, which linen layers cannot name.
  return jax.make_mesh(sizes, AXES, axis_types=(AxisType.Auto,) * 3)


def local() -> Mesh:
  """A mesh of one device of this process, for what it does alone."""
  return Mesh(np.array(jax.local_devices()[:1]).reshape(1, 1, 1), AXES)


def fill(
  data: int, fsdp: int, tensor: int, devices: int
) -> tuple[int, int, int]:
  """Sizes of a mesh over `devices`, `data` -1 filled in; raises as `make`."""
  if data == -1 and fsdp > 0 and tensor > 0:
    data = devices // (fsdp * tensor)
  if min(data, fsdp, tensor) < 1 or data * fsdp * tensor != devices:
    raise ValueError(
      f"mesh data={data} x fsdp={fsdp} x tensor={tensor} does not cover the"
      f" {devices} device(s); use data=-1 and an fsdp x tensor that divides"
      f" {devices}"
    )
  return data, fsdp, tensor


@contextlib.contextmanager
def use(mesh: Mesh) -> Iterator[None]:
  """Makes `mesh` and the logical axis rules current."""
  with jax.set_mesh(mesh), nn.logical_axis_rules(RULES):
    yield


def tree_shardings(boxed: Any, mesh: Mesh) -> Any:
  """Shardings of a tree whose leaves carry linen's logical axis names."""
  return nn.logical_to_mesh_sharding(
    nn.get_partition_spec(boxed), mesh, list(RULES)
  )


def unbox(boxed: Any) -> Any:
  """The tree without its logical axis names."""
  return nn.unbox(boxed)


def rows_sharding(mesh: Mesh) -> NamedSharding:
  """Splits the leading axis over the slices of the batch."""
  return NamedSharding(mesh, PartitionSpec(ROWS))


def slices(mesh: Mesh) -> int:
  """Number of slices that the rows of a batch are split into."""
  return mesh.shape["data"] * mesh.shape["fsdp"]


def replicated(mesh: Mesh) -> NamedSharding:
  """A whole copy on every device."""
  return NamedSharding(mesh, PartitionSpec())


def splits_heads() -> bool:
  """Whether the mesh in use has several devices on its `tensor` axis."""
  mesh = jax.sharding.get_abstract_mesh()
  return not mesh.empty and mesh.shape.get("tensor", 1) > 1


def keep_rows_apart(x: jax.Array) -> jax.Array:
  """States that the leading axis is split as rows are, the others as they may.

  Inside a train step rows are a device's own already, and nothing is stated.
  """
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty or set(ROWS) & set(mesh.manual_axes):
    return x
  rest = (PartitionSpec.UNCONSTRAINED,) * (x.ndim - 1)
  return jax.lax.with_sharding_constraint(x, PartitionSpec(ROWS, *rest))
