"""A run of a few steps with all that a run writes, for what disturbs it.

Two languages, 96 groups, a task with graded answers, a tokenizer of its own, a
validation on held-out blocks: train, evaluate and export in seconds.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

ROOT = pathlib.Path(__file__).parents[2]
_WORDS = "river stone bridge copper candle window music engine letter table"
STEPS = 6
# Keeps the small programs too: compiling them takes most of the time.
QUICK = {
  "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
  "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def data(folder: pathlib.Path) -> pathlib.Path:
  """Writes the pairs and the task into a folder that is new."""
  words = _WORDS.split()
  (folder / "pairs").mkdir(parents=True)
  (folder / "task").mkdir()
  for language, form in (("en", "the {} of {} {}"), ("de", "der {} von {} {}")):
    records = [
      {
        "id": f"{language}{i}",
        "group": f"g{i}",
        "lang": language,
        "query": f"{language} {words[i % 10]} {i}?",
        "passage": form.format(words[i % 10], words[i // 10], i),
      }
      for i in range(96)
    ]
    _write(folder / "pairs" / f"{language}.jsonl", records)
  for name, text in (("queries", "which {} {}"), ("candidates", "a {} {}")):
    records = [
      {
        "id": f"{name[0]}{i}",
        "lang": ("en", "de")[i % 2],
        "text": text.format(words[i // 2], i // 2),
      }
      for i in range(20)
    ]
    _write(folder / "task" / f"{name}.jsonl", records)
  lines = [f"q{i}\tc{j}\t1" for i in range(20) for j in (i, i ^ 1)]
  (folder / "task" / "qrels.tsv").write_text("\n".join(lines) + "\n", "utf-8")
  return folder


def settings(folder: pathlib.Path, cache: pathlib.Path) -> dict[str, Any]:
  """What differs from the quickstart's config, by dotted name."""
  return {
    "cache": str(cache),
    "data.folder": str(folder),
    "data.sources": ("pairs",),
    "data.languages": ("de", "en"),
    "data.query_length": 48,
    "data.passage_length": 48,
    "packing.row_lengths": (48,),
    "packing.shapes": 1,
    "batches.batch_size": 8,
    "model.tokenizer_size": 200,
    "model.scratch.hidden_size": 16,
    "model.scratch.mlp_size": 32,
    "model.scratch.num_heads": 2,
    "model.scratch.max_positions": 64,
    "optimizer.warmup_steps": 0,
    "train.steps": STEPS,
    "train.log_every": 2,
    "train.evaluate_every": 2,
    "train.checkpoint_every": 1,
    "validation.task": "held_out",
    "validation.share": 0.2,
    "evaluation.tasks": ("jsonl:task",),
    "evaluation.systems": ("untrained", "trained"),
    "evaluation.figures": False,
    "evaluation.query_length": 48,
    "evaluation.passage_length": 48,
    "evaluation.row_lengths": (48,),
  }


def flags(
  workdir: pathlib.Path, folder: pathlib.Path, cache: pathlib.Path, *more: str
) -> list[str]:
  """The command's flags; later ones of `more` take the place of these."""
  given = {flag.split("=")[0] for flag in more}
  made = {
    "--config": "configs/quickstart.py",
    "--workdir": str(workdir),
    **{
      f"--config.{key}": str(value)
      for key, value in settings(folder, cache).items()
    },
  }
  return [*(f"{k}={v}" for k, v in made.items() if k not in given), *more]


def run(
  arguments: list[str],
  *,
  prefix: tuple[str, ...] = (),
  **options: Any,
) -> subprocess.CompletedProcess[str]:
  """The finished command, on the CPU.

  Args:
    arguments: flags, as `flags` gives them.
    prefix: what starts it, such as setpriv with its arguments.
    options: of `subprocess.run`; variables of `env` are added to these.
  """
  environment = _environment()
  for key, value in options.pop("env", {}).items():
    if value is None:
      environment.pop(key, None)
    elif key == "PYTHONPATH":
      environment[key] = f"{value}:{ROOT}"
    else:
      environment[key] = value
  return subprocess.run(
    [*prefix, sys.executable, "-m", "hybridret_jax.main", *arguments],
    cwd=ROOT,
    env=environment,
    **{"capture_output": True, "text": True, "errors": "replace"} | options,
    check=False,
  )


def start(arguments: list[str]) -> subprocess.Popen:
  """The command, begun on the CPU; what it says is dropped."""
  return subprocess.Popen(
    [sys.executable, "-m", "hybridret_jax.main", *arguments],
    cwd=ROOT,
    env=_environment(),
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    # Where the caller ignores SIGINT, a child would too.
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
  )


def outcome(workdir: pathlib.Path) -> dict[str, Any]:
  """What must be the same however often a run was disturbed.

  The figures of results.json, and the bytes of what a user takes away.
  """
  folder = workdir / "results" / "task"
  saved = json.loads((folder / "results.json").read_text("utf-8"))
  files = [
    *(workdir / "export").rglob("*.safetensors"),
    *(workdir / "export").rglob("tokenizer*.json"),
    *folder.glob("matrix_*"),
    *folder.glob("*.trec"),
    *folder.glob("per_query_*"),
    *folder.glob("examples.json"),
  ]
  bytes_of = {
    str(path.relative_to(workdir)): path.read_bytes().hex() for path in files
  }
  return {"systems": saved["systems"], "files": bytes_of}


def _environment() -> dict[str, str]:
  environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
  return environment | {
    "PYTHONPATH": str(ROOT),
    "HF_HUB_OFFLINE": "1",
    **QUICK,
  }


def _write(path: pathlib.Path, records: list[dict[str, Any]]) -> None:
  lines = [json.dumps(record) for record in records]
  path.write_text("\n".join(lines) + "\n", "utf-8")
