"""How a job is recognised, and what two real processes share."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hybridret_jax.parallel import hosts, mesh

ROOT = pathlib.Path(__file__).parents[2]
BY_HAND = {
  "JAX_COORDINATOR_ADDRESS": "first:1234",
  "JAX_NUM_PROCESSES": "4",
  "JAX_PROCESS_ID": "3",
}
SRUN = {
  "SLURM_JOB_ID": "17",
  "SLURM_STEP_NODELIST": "node[1-2]",
  "SLURM_NTASKS": "2",
  "SLURM_PROCID": "1",
  "SLURM_LOCALID": "0",
}
MPIRUN = {"OMPI_MCA_orte_hnp_uri": "1.0;tcp://a:1", "OMPI_COMM_WORLD_SIZE": "2"}
TPU = {"TPU_ML_PLATFORM": "JAX"}
GKE = {
  **TPU,
  "TPU_SKIP_MDS_QUERY": "true",
  "TPU_WORKER_HOSTNAMES": "a,b",
  "TPU_WORKER_ID": "1",
}
XPK_GPU = {
  "JAX_COORDINATOR_ADDRESS": "job-0-0.job",
  "JAX_COORDINATOR_PORT": "6002",
  "NNODES": "2",
  "NODE_RANK": "1",
}


def explicit(address, count, index):
  return {
    "coordinator_address": address,
    "num_processes": count,
    "process_id": index,
    "cluster_detection_method": "deactivate",
  }


@pytest.mark.parametrize(
  ("environ", "arguments"),
  [
    ({}, None),
    (BY_HAND, explicit("first:1234", 4, 3)),
    ({**SRUN, **BY_HAND}, explicit("first:1234", 4, 3)),
    ({**GKE, **BY_HAND}, explicit("first:1234", 4, 3)),
    (XPK_GPU, explicit("job-0-0.job:6002", 2, 1)),
    (
      {
        "JAX_COORDINATOR_ADDRESS": "[::1]:80",
        "JAX_NUM_PROCESSES": "2",
        "JOB_COMPLETION_INDEX": "0",
      },
      explicit("[::1]:80", 2, 0),
    ),
    ({"JOB_COMPLETION_INDEX": "3", "KUBERNETES_SERVICE_HOST": "1"}, None),
    (SRUN, {}),
    ({**SRUN, "JAX_COORDINATOR_ADDRESS": "first:1234"}, {}),
    ({**SRUN, "SLURM_NTASKS": "1"}, None),
    # A batch script, and an interactive shell, outside of srun.
    ({k: v for k, v in SRUN.items() if k != "SLURM_STEP_NODELIST"}, None),
    (MPIRUN, {}),
    ({**MPIRUN, "OMPI_COMM_WORLD_SIZE": "1"}, None),
    (TPU, {}),
    ({**TPU, "JAX_PLATFORMS": "cpu"}, None),
    ({**TPU, "TPU_SKIP_MDS_QUERY": "1"}, None),
    (GKE, {}),
    ({**GKE, "TPU_WORKER_HOSTNAMES": "localhost"}, None),
    (
      {**GKE, "TPU_WORKER_HOSTNAMES": "a", "MEGASCALE_NUM_SLICES": "2"},
      {},
    ),
    # The same variables on a machine without chips.
    ({k: v for k, v in GKE.items() if k != "TPU_ML_PLATFORM"}, None),
    ({**GKE, "JAX_NUM_PROCESSES": "1"}, None),
    ({**SRUN, "JAX_NUM_PROCESSES": "1"}, None),
  ],
)
def test_a_job_is_recognised(environ, arguments):
  assert hosts.job(environ) == arguments


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"JAX_NUM_PROCESSES": None}, "JAX_NUM_PROCESSES is not set"),
    ({"JAX_PROCESS_ID": None}, "JAX_PROCESS_ID is not set; set JAX_COORD"),
    ({"JAX_COORDINATOR_ADDRESS": None}, "JAX_COORDINATOR_ADDRESS is not set"),
    ({"JAX_COORDINATOR_ADDRESS": "first"}, "is 'first'; write HOST:PORT"),
    ({"JAX_NUM_PROCESSES": "two"}, "is 'two'; give the number of processes"),
    ({"JAX_NUM_PROCESSES": "0"}, "is '0'; give the number of processes"),
    ({"JAX_PROCESS_ID": "4"}, "is '4'; number the 4 processes from 0 to 3"),
    ({"JAX_PROCESS_ID": "-1"}, "is '-1'; number the 4 processes"),
  ],
)
def test_half_a_job_is_refused_with_the_mend(change, message):
  environ = {**BY_HAND, **change}
  environ = {k: v for k, v in environ.items() if v is not None}
  with pytest.raises(ValueError, match=message.replace(".", r"\.")):
    hosts.job(environ)


def test_what_jax_cannot_place_is_told_with_the_mend():
  environ = {k: v for k, v in SRUN.items() if k != "SLURM_JOB_ID"}
  done = subprocess.run(
    [
      sys.executable,
      "-c",
      "from tests.parallel import hosts_test as t; t.join()",
    ],
    cwd=ROOT,
    env={**os.environ, **environ, "JAX_PLATFORMS": "cpu"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert "ValueError: this looks like one of several processes" in done.stderr
  assert "or JAX_NUM_PROCESSES=1 to run alone" in done.stderr


def join():
  hosts.start()


def test_one_process_shares_with_itself():
  sharding = mesh.rows_sharding(mesh.make())
  x = np.arange(16.0).reshape(8, 2)
  for made in (hosts.share(x, sharding), hosts.to_global(x, sharding)):
    np.testing.assert_array_equal(hosts.whole(made), x)
    assert made.sharding == sharding
  assert hosts.is_first()
  assert hosts.part(sharding) == (0, 1)
  assert not hosts.preempted(3)
  hosts.sync("alone")
  with pytest.raises(SystemExit) as left:
    hosts.leave(3)
  assert left.value.code == 3


def start(index, port):
  program = "from tests.parallel import hosts_test as t; t.join(); t.work()"
  environ = {
    **os.environ,
    "JAX_PLATFORMS": "cpu",
    "JAX_NUM_CPU_DEVICES": "2",
    "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
    "JAX_NUM_PROCESSES": "2",
    "JAX_PROCESS_ID": str(index),
  }
  return subprocess.Popen(
    [sys.executable, "-c", program],
    cwd=ROOT,
    env=environ,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def test_two_processes_join_share_and_end_together():
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  processes = [start(index, port) for index in range(2)]
  try:
    found = [json.loads(answer(process)) for process in processes]
    for index, facts in enumerate(found):
      assert facts["index"] == index
      assert facts["devices"] == 4
      assert facts["first"] == (index == 0)
      assert facts["shared"] == facts["sliced"] == list(range(8))
      assert facts["mine"] == list(range(4 * index, 4 * index + 4))
      assert facts["replicated"] == [5, 6]
      assert facts["parts"] == [[index, 2], [0, 1]]
    processes[1].send_signal(signal.SIGTERM)
    steps = [int(answer(process)) for process in processes]
    assert steps[0] == steps[1] > 0
    # The other one still works: an ordinary exit would wait for it.
    assert processes[1].wait(timeout=60) == 1
    assert "RuntimeError: no disk is left" in processes[1].stderr.read()
    assert processes[0].poll() is None
  finally:
    for process in processes:
      process.kill()
      process.communicate()


def answer(process):
  """The next line of JSON, past what the libraries print."""
  for line in process.stdout:
    if line[0] in "{0123456789":
      return line
  raise AssertionError(process.stderr.read()[-2000:])


def work():
  """What each process does."""
  made = mesh.make(data=2, fsdp=2)
  rows, everywhere = mesh.rows_sharding(made), mesh.replicated(made)
  # Each process has devices of every slice of rows.
  within = NamedSharding(
    Mesh(made.devices.reshape(2, 2), ("other", "rows")), PartitionSpec("rows")
  )
  index = jax.process_index()
  x = np.arange(8)
  shared = hosts.share(x, rows)
  sliced = hosts.to_global(x[4 * index : 4 * index + 4], rows)
  replicated = hosts.to_global(np.array([5, 6]), everywhere)
  hosts.sync("shared")
  facts = {
    "index": index,
    "devices": jax.device_count(),
    "first": hosts.is_first(),
    "mine": [int(y) for s in shared.addressable_shards for y in s.data],
    "shared": hosts.whole(shared).tolist(),
    "sliced": hosts.whole({"x": sliced})["x"].tolist(),
    "replicated": hosts.whole(replicated).tolist(),
    "parts": [hosts.part(rows), hosts.part(within)],
  }
  print(json.dumps(facts), flush=True)
  step = 0
  double = jax.jit(lambda x: x * 2, out_shardings=everywhere)
  while not hosts.preempted(step):
    hosts.whole(double(shared))
    step += 1
  print(step, flush=True)
  if index:
    raise RuntimeError("no disk is left")
  sys.stdin.read()
