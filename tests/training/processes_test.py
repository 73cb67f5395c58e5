"""A step in several processes is the step of one device."""

import functools
import pathlib
import pickle
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from tests.training import cases, tiny

ROOT = pathlib.Path(__file__).parents[2]
DEVICES = 8
LAYOUT = (2, 2, 2)  # Slices and tensor shards lie in different processes.
IN_FLOAT32, IN_FLOAT64 = (0, 3), (3,)  # Of `cases.CASES`.


@functools.cache
def of_one_device():
  mesh = tiny.mesh_of()
  found = [cases.sgd(mesh, cases.CASES[n]) for n in IN_FLOAT32]
  with jax.enable_x64(True):
    return found, [cases.adamw(mesh, cases.CASES[n]) for n in IN_FLOAT64]


@pytest.mark.parametrize("processes", [2, 4])
def test_losses_gradients_and_steps_equal_those_of_one_device(
  processes, tmp_path
):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  program = (
    "import sys; from tests.training import processes_test as t;"
    "t.work(*map(int, sys.argv[1:4]), sys.argv[4])"
  )
  started = [
    subprocess.Popen(
      [
        *(sys.executable, "-c", program, str(processes), str(index), str(port)),
        str(tmp_path / str(index)),
      ],
      cwd=ROOT,
      stderr=subprocess.PIPE,
      text=True,
    )
    for index in range(processes)
  ]
  want, want_float64 = of_one_device()
  for process in started:
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-2000:]
  for index in range(processes):
    found, float64 = pickle.loads((tmp_path / str(index)).read_bytes())
    for one, other in zip(want, found, strict=True):
      tiny.assert_close((other[0][0], other[1]), (one[0][0], one[1]))
      np.testing.assert_allclose(other[0], one[0], rtol=0, atol=2e-6)
      tiny.assert_close((0, other[2]), (0, one[2]))
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-8),
      float64,
      want_float64,
    )


def work(processes, index, port, out):
  """What each process does; it holds its share of the eight devices."""
  jax.config.update("jax_platforms", "cpu")
  jax.config.update("jax_num_cpu_devices", DEVICES // processes)
  jax.config.update("jax_cpu_collectives_implementation", "gloo")
  jax.distributed.initialize(f"localhost:{port}", processes, index)
  mesh = tiny.mesh_of(*LAYOUT)
  found = [cases.sgd(mesh, cases.CASES[n]) for n in IN_FLOAT32]
  with jax.enable_x64(True):
    float64 = [cases.adamw(mesh, cases.CASES[n]) for n in IN_FLOAT64]
  pathlib.Path(out).write_bytes(pickle.dumps((found, float64)))
