"""Names of slices, and what the compiler for TPUs says of them."""

import importlib.util
import re
import sys

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from hybridret_jax.preflight import topologies

needs_libtpu = pytest.mark.skipif(
  importlib.util.find_spec("libtpu") is None,
  reason="libtpu is not installed: pip install '.[tpu]'",
)


def test_cpu_devices_of_this_machine():
  topology = topologies.of("cpu:4")
  assert (topology.kind, topology.memory_bytes) == ("cpu", None)
  assert topology.devices == tuple(jax.devices()[:4])
  mesh = topology.mesh(-1, 2, 1)
  assert dict(mesh.shape) == {"data": 2, "fsdp": 2, "tensor": 1}
  with pytest.raises(ValueError, match="does not cover the 4 device"):
    topology.mesh(3, 1, 1)


@pytest.mark.parametrize(
  ("name", "mend"),
  [
    ("v5e", "is not KIND:SIZE; give one such as v5e:4x4"),
    ("v5e:4y4", "is not KIND:SIZE"),
    ("cpu:2x2", "give a number of devices, as cpu:8"),
    ("cpu:0", "give a number of devices, as cpu:8"),
    ("cpu:9", "has 8 CPU device.*plan in a process of its own"),
  ],
)
def test_a_name_that_means_nothing_is_refused(name, mend):
  assert len(jax.devices()) == 8  # From here on this process has no more.
  with pytest.raises(ValueError, match=mend):
    topologies.of(name)


def test_without_libtpu_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "libtpu", None)
  with pytest.raises(ValueError, match=r"pip install 'hybridret_jax\[tpu\]'"):
    topologies.of("v5e:2x2")


@needs_libtpu
@pytest.mark.parametrize(
  ("name", "devices", "kind"),
  [
    ("v5e:1x1", 1, "TPU v5 lite"),
    ("v5e:2x4", 8, "TPU v5 lite"),
    ("v6e:4x4", 16, "TPU v6 lite"),
    ("v5p:2x2x4", 16, "TPU v5"),
  ],
)
def test_slices_that_libtpu_knows(name, devices, kind):
  topology = topologies.of(name)
  assert (len(topology.devices), topology.kind) == (devices, kind)
  assert topology.mesh(1, devices, 1).devices.shape == (1, devices, 1)


@needs_libtpu
@pytest.mark.parametrize("name", ["v9x:2x2", "v5e:3x5", "v4:2x2x1"])
def test_slices_that_it_does_not_know(name):
  with pytest.raises(ValueError, match=f"{name}.*give one such as"):
    topologies.of(name)


@needs_libtpu
@pytest.mark.parametrize("name", ["v5e:1x1", "v6e:1x1", "v5p:1x1x1"])
def test_memory_is_what_the_compiler_says_is_there(name):
  topology = topologies.of(name)
  whole = NamedSharding(topology.mesh(), PartitionSpec())
  x = jax.ShapeDtypeStruct((2**28, 1024), jnp.bfloat16, sharding=whole)
  with pytest.raises(jax.errors.JaxRuntimeError) as refused:
    jax.jit(lambda x: x + 1).lower(x).compile()
  there = re.search(r"available HBM \(([\d.]+)G\)", str(refused.value))
  assert there and topology.memory_bytes == int(float(there[1]) * 2**30)
