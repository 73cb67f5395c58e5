"""What devices exchange inside a train step, stated rather than inferred.

Each device computes on its own slice of the rows; parameters are gathered once
a step and gradients are reduced once a step, however many chunks lie between.
The `tensor` axis is left to the compiler.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from hybridret_jax.parallel import mesh as meshes


@dataclasses.dataclass(frozen=True)
class Slices:
  """The slices of a batch over a mesh.

  Attributes:
    mesh: the device mesh.
  """

  mesh: Mesh

  @property
  def axes(self) -> tuple[str, ...]:
    """Mesh axes that the rows are split over; those of size 1 do nothing."""
    return tuple(a for a in meshes.ROWS if self.mesh.shape[a] > 1)

  @property
  def count(self) -> int:
    """Number of slices."""
    return meshes.slices(self.mesh)

  def each(
    self, function: Callable, in_specs: Any, out_specs: Any
  ) -> Callable[..., Any]:
    """`function` of each slice's own values; the methods below work in it."""
    if not self.axes:
      # A collective over one device is refused beside an automatic axis.
      return function
    return jax.shard_map(
      function,
      mesh=self.mesh,
      in_specs=in_specs,
      out_specs=out_specs,
      axis_names=set(self.axes),
    )

  def parameter_specs(self, shardings: Any) -> Any:
    """`in_specs` of parameters with these shardings."""
    return jax.tree.map(
      lambda sharding: PartitionSpec(
        *(self._own(entry) for entry in sharding.spec)
      ),
      shardings,
    )

  def rows_spec(self) -> PartitionSpec:
    """`in_specs` of arrays whose leading axis is split over the slices."""
    return PartitionSpec(self.axes) if self.axes else PartitionSpec()

  def gather_parameters(self, params: Any, specs: Any) -> Any:
    """Whole parameters from a slice's share; gradients are summed once."""
    return jax.tree.map(
      lambda x, spec: self.varying(self._gather_leaf(x, spec)), params, specs
    )

  def varying(self, x: Any) -> Any:
    """Marks values as a slice's own, so that gradients of them are summed."""
    return jax.tree.map(lambda leaf: _mark(leaf, self.axes), x)

  def gather(self, x_bD: jax.Array) -> jax.Array:
    """The slices' arrays, one after the other, on every device."""
    if not self.axes:
      return x_bD
    return jax.lax.all_gather(x_bD, self.axes, tiled=True)

  def sum_and_split(self, x_BD: jax.Array) -> jax.Array:
    """This slice's share of the sum over slices; B is a multiple of `count`."""
    if not self.axes:
      return x_BD
    return jax.lax.psum_scatter(x_BD, self.axes, tiled=True)

  def own_share(self, x_B: jax.Array) -> jax.Array:
    """This slice's share of an array that every slice has whole."""
    size = x_B.shape[0] // self.count
    return jax.lax.dynamic_slice_in_dim(
      self.varying(x_B), self.index() * size, size
    )

  def index(self) -> jax.Array | int:
    """Number of this slice."""
    return jax.lax.axis_index(self.axes) if self.axes else 0

  def total(self, x: Any) -> Any:
    """The sum over slices, on every device."""
    return jax.lax.psum(x, self.axes) if self.axes else x

  def _own(self, entry):
    names = entry if isinstance(entry, tuple) else (entry,)
    kept = tuple(name for name in names if name in self.axes)
    return kept[0] if kept else None

  def _gather_leaf(self, x, spec):
    for axis, name in enumerate(spec):
      if name is not None:
        x = jax.lax.all_gather(x, name, axis=axis, tiled=True)
    return x


def alike(x: jax.Array, *others: jax.Array) -> jax.Array:
  """`x`, marked as a slice's own where the others are."""
  return _mark(x, sorted(set().union(*map(_own_axes, others))))


def _mark(x, axes):
  missing = tuple(axis for axis in axes if axis not in _own_axes(x))
  return jax.lax.pcast(x, missing, to="varying") if missing else x


def _own_axes(x):
  return jax.typeof(x).manual_axis_type.varying
