"""Meshes and where arrays lie on them."""

import jax
import numpy as np
import pytest

from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes


@pytest.mark.parametrize(
  ("asked", "shape"),
  [
    ((-1, 1, 1), (8, 1, 1)),
    ((-1, 4, 1), (2, 4, 1)),
    ((1, 8, 1), (1, 8, 1)),
    ((-1, 2, 2), (2, 2, 2)),
    ((1, 1, 8), (1, 1, 8)),
  ],
)
def test_a_mesh_covers_all_devices(asked, shape):
  mesh = meshes.make(*asked)
  assert mesh.axis_names == ("data", "fsdp", "tensor")
  assert mesh.devices.shape == shape
  assert meshes.slices(mesh) == shape[0] * shape[1]


@pytest.mark.parametrize(
  "asked", [(3, 1, 1), (-1, 3, 1), (8, 8, 1), (0, 8, 1), (-1, 1, 3), (2, 2, 4)]
)
def test_a_mesh_that_does_not_fit_is_refused(asked):
  with pytest.raises(ValueError, match="does not cover the 8 device"):
    meshes.make(*asked)


def test_rows_are_split_and_the_rest_is_whole():
  mesh = meshes.make(-1, 2, 1)
  rows = hosts.to_global(np.arange(16.0), meshes.rows_sharding(mesh))
  assert {shard.data.shape for shard in rows.addressable_shards} == {(2,)}
  np.testing.assert_array_equal(jax.device_get(rows), np.arange(16.0))
  whole = hosts.to_global(np.arange(3.0), meshes.replicated(mesh))
  assert {shard.data.shape for shard in whole.addressable_shards} == {(3,)}
