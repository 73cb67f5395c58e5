"""Processes: joining a job, and arrays that lie across its processes."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding

from hybridret_jax.ground import faults, told
from hybridret_jax.parallel import watch

ADDRESS = "JAX_COORDINATOR_ADDRESS"
COUNT = "JAX_NUM_PROCESSES"
INDEX = "JAX_PROCESS_ID"
_BY_HAND = (
  f"set {ADDRESS} (HOST:PORT of process 0), {COUNT} and {INDEX} (from 0), or"
  f" {COUNT}=1 to run alone"
)


def start() -> None:
  """Joins the other processes of a job, where there are any.

  To be called before anything asks for a device; see `job` for how a job is
  recognised. In a job an error that nobody catches ends the process as `leave`
  does.

  Raises:
    ValueError: the environment names a job, but not this process's place.
  """
  arguments = job(os.environ)
  if arguments is None:
    return
  try:
    jax.distributed.initialize(**arguments)
  except ValueError as error:
    raise ValueError(
      f"this looks like one of several processes, but not which ({error});"
      f" {_BY_HAND}"
    ) from error
  sys.excepthook = _leave_after
  # On CPU the first collective waits half a minute for the others, later ones
  # as long as it takes: here they are all at the same place.
  sync("joined")
  watch.start()


def job(environ: Mapping[str, str]) -> dict[str, Any] | None:
  """What `jax.distributed.initialize` is to be given; None to run alone.

  In this order:

  - JAX_NUM_PROCESSES with JAX_PROCESS_ID and JAX_COORDINATOR_ADDRESS. JAX
    itself reads the last of the three, and JAX_LOCAL_DEVICE_IDS, the
    accelerators of its machine that a process takes (default: all). On
    Kubernetes NNODES and NODE_RANK, which xpk sets on GPUs, or
    JOB_COMPLETION_INDEX of an indexed Job fill in. A count of 1 runs alone,
    whatever else is set.
  - srun and Open MPI's mpirun with several tasks: JAX knows their variables,
    and gives each process one GPU unless JAX_LOCAL_DEVICE_IDS says otherwise.
  - A TPU slice, of Google Cloud's TPU VMs or GKE: JAX asks the metadata server
    or reads what GKE sets. Not with JAX_PLATFORMS=cpu.

  Args:
    environ: `os.environ`, after jax has been imported.

  Raises:
    ValueError: the variables name a job, but not this process's place.
  """
  if environ.get(COUNT) == "1":
    return None
  if COUNT not in environ and (_by_srun(environ) or _by_mpirun(environ)):
    return {}
  if COUNT in environ or ADDRESS in environ:
    return _by_hand(environ)
  return {} if _on_tpu_slice(environ) else None


def is_first() -> bool:
  """Whether this process writes what is written once."""
  return jax.process_index() == 0


def sync(name: str) -> None:
  """Waits until every process is here; each calls it with the same name."""
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices(name)


def agree(what: str, value: str) -> None:
  """Checks that all processes have the same; each calls it with the same name.

  Args:
    what: that is compared, as in "training data".
    value: whatever is to be equal, of any length.

  Raises:
    Fault: in all processes, naming those that have another than the first.
  """
  if jax.process_count() == 1:
    return
  mine = np.frombuffer(hashlib.sha256(value.encode()).digest(), np.uint8)
  found = multihost_utils.process_allgather(mine)
  others = np.flatnonzero((found != found[0]).any(axis=1)).tolist()
  if others:
    raise faults.Fault(
      f"process {', '.join(map(str, others))}",
      f"has other {what} than process 0",
      "give all processes the same files and the same flags",
    )


def preempted(step: int) -> bool:
  """Whether all processes are to save after this step and end.

  True at one and the same step in every process once one of them has had
  SIGTERM, which is what clusters send before they take a machine away. To be
  asked after every step. Of a process alone, whether it `told` of a signal.
  """
  if told.number() is not None:
    return True
  return multihost_utils.reached_preemption_sync_point(step)


@contextlib.contextmanager
def heeding() -> Iterator[None]:
  """Has a process alone note what tells it to end, as `told` does.

  In a job it is JAX that notes SIGTERM, and `preempted` where all agree.
  """
  if jax.distributed.is_initialized() or job(os.environ) is not None:
    yield
    return
  with told.heeding():
    yield


def part(sharding: NamedSharding) -> tuple[int, int]:
  """(k, n): this process gives `to_global` the k-th of n parts of the rows.

  There are fewer parts than processes where an axis of the mesh that does not
  split rows runs over several processes: those give the same part.

  Args:
    sharding: of arrays whose leading axis are rows.

  Raises:
    ValueError: processes hold some of the same slices, but not all.
  """
  devices = len(sharding.device_set)
  slices: dict[int, set[int]] = {}
  for device, (rows,) in sharding.devices_indices_map((devices,)).items():
    held = range(devices)[rows]
    slices.setdefault(device.process_index, set()).update(held)
  parts = sorted({tuple(sorted(held)) for held in slices.values()})
  if sum(map(len, parts)) != devices:
    raise ValueError(
      f"the mesh {dict(sharding.mesh.shape)} gives processes overlapping rows;"
      " choose sizes that divide the devices of a process, or are its multiples"
    )
  mine = tuple(sorted(slices[jax.process_index()]))
  return parts.index(mine), len(parts)


def to_global(tree: Any, sharding: NamedSharding) -> Any:
  """Global arrays of which each process gives its own part, see `part`.

  Of an array that is replicated each process gives the whole.
  """
  return jax.tree.map(
    lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
    tree,
  )


def share(tree: Any, sharding: NamedSharding) -> Any:
  """Global arrays that every process has whole; each takes what is its own."""

  def put(x):
    x = np.asarray(x)
    return jax.make_array_from_callback(x.shape, sharding, lambda at: x[at])

  return jax.tree.map(put, tree)


def whole(tree: Any) -> Any:
  """numpy arrays of global ones, on every process, all of which call this."""

  def gather(x):
    if isinstance(x, jax.Array) and not (
      x.is_fully_addressable or x.is_fully_replicated
    ):
      return multihost_utils.process_allgather(x, tiled=True)
    return np.asarray(x)

  return jax.tree.map(gather, tree)


def leave(status: int) -> NoReturn:
  """Ends this process after an error, without waiting for the others.

  An ordinary exit waits minutes at JAX's shutdown for processes that
  themselves wait for this one. They end when they miss it.
  """
  if jax.distributed.is_initialized():
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
  sys.exit(status)


def _leave_after(kind, error, trace):
  sys.__excepthook__(kind, error, trace)
  leave(1)


def _by_hand(environ):
  count = _first_of(environ, COUNT, "NNODES")
  index = _first_of(environ, INDEX, "NODE_RANK", "JOB_COMPLETION_INDEX")
  address = _first_of(environ, ADDRESS)
  if ":" not in address and environ.get("JAX_COORDINATOR_PORT"):
    address = f"{address}:{environ['JAX_COORDINATOR_PORT']}"
  if not address.rpartition(":")[2].isdecimal() or ":" not in address:
    raise ValueError(f"{ADDRESS} is {address!r}; write HOST:PORT")
  if not count.isdecimal() or int(count) < 1:
    raise ValueError(f"{COUNT} is {count!r}; give the number of processes")
  if not index.isdecimal() or int(index) >= int(count):
    raise ValueError(
      f"{INDEX} is {index!r}; number the {count} processes from 0 to"
      f" {int(count) - 1}"
    )
  return {
    "coordinator_address": address,
    "num_processes": int(count),
    "process_id": int(index),
    # Else JAX would take one GPU a process where it recognises a launcher.
    "cluster_detection_method": "deactivate",
  }


def _first_of(environ, *names) -> str:
  for name in names:
    if environ.get(name):
      return environ[name]
  raise ValueError(f"{names[0]} is not set; {_BY_HAND}")


def _by_srun(environ):
  # Without a step this is the batch script or a login shell, not a task.
  step = environ.get("SLURM_STEP_NODELIST") and environ.get("SLURM_PROCID")
  return bool(step) and int(environ.get("SLURM_NTASKS", 1)) > 1


def _by_mpirun(environ):
  # Open MPI 5 no longer sets the first, and JAX does not know it without.
  return (
    "OMPI_MCA_orte_hnp_uri" in environ
    and int(environ.get("OMPI_COMM_WORLD_SIZE", 1)) > 1
  )


def _on_tpu_slice(environ):
  # `import jax` sets the first where it finds chips and libtpu.
  if "TPU_ML_PLATFORM" not in environ or environ.get("JAX_PLATFORMS") == "cpu":
    return False
  of_gke = environ.get("TPU_PROCESS_ADDRESSES") or environ.get(
    "TPU_WORKER_HOSTNAMES"
  )
  if of_gke:
    return "," in of_gke or int(environ.get("MEGASCALE_NUM_SLICES", 1)) > 1
  # Only the metadata server knows how many hosts a TPU VM's slice has.
  return "TPU_SKIP_MDS_QUERY" not in environ
