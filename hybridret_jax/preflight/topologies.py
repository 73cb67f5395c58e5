"""Slices of accelerators that are not here, to compile for."""

import contextlib
import dataclasses
import importlib.util
import math
import os
import re
from typing import Any

import jax
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.parallel import peaks

CPU = "cpu"
EXAMPLES = "v5e:4x4, v6e:4x4, v5p:2x2x4, cpu:8"
_GIB = 2**30
# What libtpu 0.0.42 says is there when it refuses a program ("exceeds available
# HBM"): what the makers publish, less what the runtime keeps.
_COMPILER_BYTES = {
  "TPU v5 lite": int(15.75 * _GIB),
  "TPU v6 lite": int(31.25 * _GIB),
  "TPU v5": int(95.74 * _GIB),
}
# Without them libtpu asks Google Cloud's metadata server what machine this is,
# or fails because another process that compiles has loaded it too.
_ALONE = {
  "TPU_SKIP_MDS_QUERY": "1",
  "TPU_WORKER_HOSTNAMES": "localhost",
  "TPU_ACCELERATOR_TYPE": "v5litepod-8",
  "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


@dataclasses.dataclass(frozen=True)
class Topology:
  """Devices that programs are compiled for.

  Attributes:
    name: as it was asked for.
    devices: `jax.Device`s, in the order of the topology.
    kind: `jax.Device.device_kind`.
    memory_bytes: what a program may use of a device's own memory; None where
      that is not known.
  """

  name: str
  devices: tuple[Any, ...]
  kind: str
  memory_bytes: int | None

  def mesh(self, data: int = -1, fsdp: int = 1, tensor: int = 1) -> Mesh:
    """As `mesh.make`, over these devices."""
    sizes = meshes.fill(data, fsdp, tensor, len(self.devices))
    return jax.make_mesh(
      sizes,
      meshes.AXES,
      axis_types=(AxisType.Auto,) * len(sizes),
      devices=self.devices,
    )


def of(name: str) -> Topology:
  """The topology of a name: a TPU slice or some CPU devices of this machine.

  A slice is KIND:AxB or KIND:AxBxC, chips along each axis; libtpu knows the
  kinds. It is described, not looked for: no accelerator is asked for, also
  where there is one.

  Args:
    name: such as those in `EXAMPLES`.

  Raises:
    ValueError: no such topology; or libtpu is not installed, or another
      platform or fewer CPU devices are in use already.
  """
  match = re.fullmatch(r"([a-z0-9]+):(\d+(?:x\d+)*)", name)
  if not match:
    raise ValueError(
      f"topology {name!r} is not KIND:SIZE; give one such as {EXAMPLES}"
    )
  kind, sizes = match[1], [int(n) for n in match[2].split("x")]
  jax.config.update("jax_platforms", CPU)
  devices = _cpus(name, sizes) if kind == CPU else _chips(name, sizes)
  first = devices[0]
  published = peaks.of(first.device_kind)
  memory = _COMPILER_BYTES.get(first.device_kind)
  if memory is None and published is not None:
    memory = published.memory_bytes
  return Topology(name, tuple(devices), first.device_kind, memory)


def _cpus(name, sizes):
  if len(sizes) > 1 or not sizes[0]:
    raise ValueError(f"topology {name!r}: give a number of devices, as cpu:8")
  if jax.config.values["jax_num_cpu_devices"] < sizes[0]:
    # Refused where this process has its devices already.
    with contextlib.suppress(RuntimeError):
      jax.config.update("jax_num_cpu_devices", sizes[0])
  there = jax.devices(CPU)
  if len(there) < sizes[0]:
    raise ValueError(
      f"topology {name!r}: this process has {len(there)} CPU device(s); plan in"
      " a process of its own"
    )
  return there[: sizes[0]]


def _chips(name, sizes):
  if importlib.util.find_spec("libtpu") is None:
    raise ValueError(
      f"topology {name!r} needs libtpu, which compiles for TPUs without one;"
      " pip install 'hybridret_jax[tpu]', or give cpu:N"
    )
  for key, value in _ALONE.items():
    os.environ.setdefault(key, value)
  settings = {}
  if math.prod(sizes) < 4:
    # A host has four chips, unless fewer are all.
    settings["chips_per_host_bounds"] = [*sizes, 1, 1][:3]
  try:
    devices = topologies.get_topology_desc(
      platform="tpu", topology_name=name, **settings
    ).devices
  except jax.errors.JaxRuntimeError as error:
    raise ValueError(
      f"topology {name!r} is none that libtpu knows ({error}); give one such as"
      f" {EXAMPLES}"
    ) from error
  if devices[0].device_kind == "TPU v4":
    # It describes single cores, but jobs run on chips of two ("megacore").
    raise ValueError(
      f"topology {name!r}: TPU v4 cannot be compiled for here; give one such as"
      f" {EXAMPLES}"
    )
  return devices
