"""Where a train step's time goes on a device, by what it runs."""

import collections
import pathlib
import tempfile
from typing import Any

import jax

from benchmarks.accelerator import train_steps
from hybridret_jax.parallel import mesh as meshes

_STEPS = 3
_MOST = 60  # Kinds of work that are listed.


def measure(name: str) -> list[dict[str, Any]]:
  """Milliseconds a step of each kind of work, most first.

  Args:
    name: of `train_steps.CASES`; its first case.
  """
  made = train_steps.prepare(name, train_steps.CASES[name][0])
  state = made.step.create(None)
  with meshes.use(made.mesh):
    step = made.step.step.lower(state, made.batch).compile()
  state, figures = step(state, made.batch)
  jax.block_until_ready(figures)
  with tempfile.TemporaryDirectory() as folder:
    with jax.profiler.trace(folder):
      for _ in range(_STEPS):
        state, figures = step(state, made.batch)
      jax.block_until_ready(figures)
    traces = list(pathlib.Path(folder).rglob("*.xplane.pb"))
    found = _by_kind(jax.profiler.ProfileData.from_file(str(traces[0])))
  scopes = _scopes(step.as_text())
  return [
    {
      "name": kind,
      "scope": scopes.get(kind, ""),
      "milliseconds": nanoseconds / _STEPS / 1e6,
      "times": times / _STEPS,
    }
    for kind, (nanoseconds, times) in sorted(
      found.items(), key=lambda item: -item[1][0]
    )[:_MOST]
  ]


def _by_kind(profile):
  """{instruction of the program, else the event: (nanoseconds, times)}."""
  totals = collections.defaultdict(lambda: [0.0, 0])
  devices = [x for x in profile.planes if x.name.startswith("/device:")]
  for plane in devices or profile.planes:
    for line in plane.lines:
      for event in line.events:
        stats = {key: value for key, value in event.stats if key}
        kind = str(stats.get("hlo_op") or "")
        if kind:
          totals[kind][0] += event.duration_ns
          totals[kind][1] += 1
  return totals


def _scopes(text):
  """{instruction: the scope that it was written in}."""
  found = {}
  for line in text.splitlines():
    name, equals, rest = line.strip().removeprefix("ROOT ").partition(" = ")
    _, there, scope = rest.partition('op_name="')
    if equals and there:
      found[name.removeprefix("%")] = scope.partition('"')[0]
  return found
