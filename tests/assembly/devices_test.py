"""Freed memory is kept: what a process has once filled is not mapped anew."""

import os
import platform
import subprocess
import sys

import pytest

# Blocks as large as a step's are taken and given back, over and over.
PROGRAM = """
import resource
import numpy as np
from hybridret_jax import defaults
from hybridret_jax.assembly import devices

config = defaults.get_config()
config.cache = "{cache}"
devices.start(config)
faults = []
for _ in range(4):
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  blocks = [np.ones(2**21) for _ in range(4)]
  del blocks
  faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(faults[-1])
"""


def faults(cache, *, platforms):
  """Page faults of the last of four equal rounds of 64 MiB."""
  done = subprocess.run(
    [sys.executable, "-c", PROGRAM.format(cache=cache)],
    env={**os.environ, "JAX_PLATFORMS": platforms},
    capture_output=True,
    text=True,
    check=True,
  )
  return int(done.stdout.split()[-1])


@pytest.mark.skipif(
  platform.libc_ver()[0] != "glibc", reason="other allocators are left alone"
)
def test_freed_memory_is_kept_where_only_processors_compute(tmp_path):
  assert faults(tmp_path, platforms="cpu") < 100
  # Elsewhere the allocator is as it was; or nothing was there to be mended.
  assert faults(tmp_path, platforms="tpu,cpu") > 1000
