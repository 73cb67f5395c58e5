"""What one is about to train on: a page, and all its figures."""

import json
import pathlib
from typing import Any

import jax
import ml_collections

from hybridret_jax import run as runs
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.assembly import inspecting, own_settings
from hybridret_jax.ground import faults, owning, writing
from hybridret_jax.reporting import inspected

FILE, PAGE = "inspect.json", "inspect.html"


def inspect(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  inputs: inputs_lib.Inputs | None = None,
) -> dict[str, Any]:
  """Writes inspect.html and inspect.json, and returns what the latter holds.

  A tokenizer that the config has trained is trained into the folder, as
  training would.

  Args:
    config: the whole config.
    workdir: folder of the run, there or to come.
    inputs: what was read of the config's sources and tasks, if anything was.

  Raises:
    Fault: the folder's run was trained on other data, another process works in
      it, or there are several processes.
  """
  if jax.process_count() > 1:
    raise faults.Fault(
      "inspect", f"{jax.process_count()} processes", "run it in one"
    )
  with owning.owned(workdir, "looks at the data of this run"):
    run = runs.Run.to_judge(config, workdir, inputs)
    if own_settings.holds_run(workdir):
      run.check_inputs(corpus=True, weights=False)
    found = inspecting.inspect(
      run.config, run.corpus, run.text_tokenizer, run.inputs
    )
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    writing.write(workdir / FILE, text + "\n")
    writing.show(workdir / PAGE, inspected.html(found))
  return json.loads(text)
