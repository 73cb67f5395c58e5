"""The device mesh, the logical axis rules, and the shardings that follow."""

import contextlib
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

ROWS = ("data", "fsdp")  # Packed rows, pairs and queries are split over these.

RULES = (
  ("rows", ROWS),
  ("batch", ROWS),
  ("length", None),
  ("vocab", "fsdp"),
  ("embed", "fsdp"),
  ("mlp", None),
  ("heads", None),
  ("layers", None),
)


def make(data: int = -1, fsdp: int = 1) -> Mesh:
  """A mesh with axes `data` and `fsdp` over all devices of all processes.

  Args:
    data: data-parallel slices; -1 takes what the devices leave.
    fsdp: slices that parameters and optimizer state are split over.

  Raises:
    ValueError: the product is not the number of devices.
  """
  devices = jax.device_count()
  if data == -1 and fsdp > 0 and devices % fsdp == 0:
    data = devices // fsdp
  if data < 1 or fsdp < 1 or data * fsdp != devices:
    raise ValueError(
      f"mesh data={data} x fsdp={fsdp} does not cover the {devices} devices;"
      f" use data=-1 and an fsdp that divides {devices}"
    )
  # make_mesh defaults to Explicit axes, which linen layers cannot name.
  return jax.make_mesh(
    (data, fsdp), ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2
  )


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
  """Splits the leading axis over every device."""
  return NamedSharding(mesh, PartitionSpec(ROWS))


def replicated(mesh: Mesh) -> NamedSharding:
  """A whole copy on every device."""
  return NamedSharding(mesh, PartitionSpec())
