"""The command line: flags, process start-up, and which verb."""

import logging
import os
import pathlib
import sys

# Read by TensorFlow when it is first imported, by whatever library.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags  # noqa: E402
from absl import logging as absl_logging  # noqa: E402
from ml_collections import config_flags  # noqa: E402

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "A file of configs/, whose settings --config.a.b=… change."
)
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Folder of the run: checkpoints, metrics, results, export."
)
_MODE = flags.DEFINE_enum(
  "mode",
  None,
  ["train", "evaluate", "export"],
  "What to do; without it all three in turn.",
)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument {argv[1]!r}: write --flag=value")
  _quiet()
  # Imported here: a wrong flag is told before seconds of imports.
  from hybridret_jax import evaluate, export, train
  from hybridret_jax.assembly import check, devices

  verbs = {
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "export": export.export,
  }
  config, workdir = _CONFIG.value, pathlib.Path(str(_WORKDIR.value))
  modes = [_MODE.value] if _MODE.value else list(verbs)
  devices.start(config)
  try:
    check.whole(config, modes)
    for mode in modes:
      verbs[mode](config, workdir)
  except (ValueError, FileNotFoundError, FloatingPointError) as error:
    if os.environ.get("HYBRIDRET_TRACEBACK"):
      raise
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)


def _quiet() -> None:
  """Shows what this package says; of its libraries, warnings only."""
  if not flags.FLAGS["verbosity"].present:
    absl_logging.set_verbosity(absl_logging.WARNING)
  ours = logging.getLogger("hybridret_jax")
  ours.setLevel(logging.INFO)
  ours.propagate = False
  handler = logging.StreamHandler()
  handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
  ours.handlers = [handler]


def run() -> None:
  """Parses the flags and runs; a misspelt one names the nearest right one."""
  flags.mark_flags_as_required(["config", "workdir"])
  try:
    app.run(main)
  except (AttributeError, KeyError) as error:
    # ml_collections raises these while flags are parsed.
    print(f"error: {error.args[0] if error.args else error}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
  run()
