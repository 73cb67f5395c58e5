"""A checkpoint to a Hugging Face folder that was loaded back and compared."""

import importlib.util
import json
import logging
import os
import pathlib
import tempfile
from typing import Any

import jax
import ml_collections
import numpy as np

from hybridret_jax.assembly import (
  judging,
  model,
  run_folder,
  trained,
  training_data,
)
from hybridret_jax.models import folder as folders
from hybridret_jax.models import huggingface
from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import model_card, results

_LOG = logging.getLogger(__name__)
# One sentence in each of XQuAD-R's languages: what a loaded-back model must
# embed as the trained one does.
PROBES = (
  "كم عدد النقاط التي سمح بها دفاع الفريق؟",
  "Wie viele Punkte ließ die Verteidigung zu?",
  "Πόσους πόντους δέχτηκε η άμυνα;",
  "How many points did the defense surrender?",
  "¿Cuántos puntos cedió la defensa?",
  "रक्षा पंक्ति ने कितने अंक दिए?",
  "Сколько очков пропустила защита?",
  "ฝ่ายรับเสียคะแนนไปกี่แต้ม",
  "Savunma kaç sayı verdi?",
  "Hàng thủ đã để mất bao nhiêu điểm?",
  "防守方丢了多少分？",
)


def export(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Writes the best checkpoint as a folder, once it agrees with itself.

  The folder is written aside, loaded back (through sentence-transformers too,
  where that is installed) and compared on texts in 11 languages; only then
  does it appear under its name.

  Raises:
    ValueError: no checkpoint, or a loaded-back model that does not agree.
  """
  mesh = meshes.make(**config.mesh)
  corpus = None
  if config.model.tokenizer == model.TRAIN_TOKENIZER:
    corpus, _ = training_data.read_corpus(config)
  tokenizer_folder = run_folder.tokenizer(config, workdir, corpus)
  made = model.make(config, tokenizer_folder)
  params, step = trained.parameters(config, made, mesh, workdir)
  expected = _embed(config, made, mesh, params)
  params = hosts.whole(params)
  if hosts.is_first():
    _export(config, workdir, made, params, step, expected, tokenizer_folder)
  # JAX's shutdown waits minutes only, and the others are there already.
  hosts.sync("exported")


def _export(config, workdir, made, params, step, expected, tokenizer_folder):
  target = workdir / config.export.folder
  with tempfile.TemporaryDirectory(
    dir=workdir, prefix=".export-", ignore_cleanup_errors=True
  ) as aside:
    folder = pathlib.Path(aside) / "export"
    folder.mkdir()
    _write(config, made, params, folder, tokenizer_folder)
    _check(config, folder, expected)
    card = _card(config, made, workdir, step)
    for place in _towers(folder).values():
      (place / "README.md").write_text(card, "utf-8")
    if target.exists():
      os.rename(target, pathlib.Path(aside) / "before")
    os.rename(folder, target)
  print(f"Exported step {step} to {target}")


def _write(config, made, params, folder, tokenizer_folder):
  source = tokenizer_folder or (
    pathlib.Path(config.model.tokenizer)
    if config.model.tokenizer
    else made.folder
  )
  shape = made.module.encoder
  for name, tower in params.items():
    place = folder if made.module.tied else folder / name
    place.mkdir(exist_ok=True)
    folders.write(
      place,
      tower,
      shape,
      pooling=made.module.pooling,
      tokenizer_folder=source,
      prompts={
        "query": config.data.query_prefix,
        "passage": config.data.passage_prefix,
      },
      max_length=min(config.evaluation.passage_length, shape.max_length),
      pad_id=made.tokenizer.pad_id,
    )


def _towers(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """Where each side's model lies: the folder itself if they are tied."""
  if (folder / "modules.json").is_file():
    return {"both": folder}
  return {side: folder / side for side in ("query", "passage")}


def _check(config, folder, expected):
  mesh = meshes.local()  # The first process is alone here.
  loaded_config = config.copy_and_resolve_references()
  with loaded_config.unlocked():
    loaded_config.model.init = str(folder)
    loaded_config.model.tokenizer = str(next(iter(_towers(folder).values())))
  made = model.make(loaded_config)
  params = jax.device_put(made.start(seed=0), meshes.replicated(mesh))
  _agree("read back", config, expected, _embed(config, made, mesh, params))
  if importlib.util.find_spec("sentence_transformers") is None:
    _LOG.info("sentence-transformers is not installed: not compared.")
    return
  import sentence_transformers  # pyright: ignore[reportMissingImports]

  found = {}
  for side in ("query", "passage"):
    towers = _towers(folder)
    library = sentence_transformers.SentenceTransformer(
      str(towers.get(side, towers.get("both"))), device="cpu"
    )
    found[side] = np.asarray(
      library.encode(list(PROBES), prompt_name=side, show_progress_bar=False)
    )
  _agree("loaded by sentence-transformers", config, expected, found)


def _embed(config, made, mesh, params) -> dict[str, np.ndarray]:
  encode_texts = judging.encoder(config, made, mesh)
  return {
    side: encode_texts(params, PROBES, side) for side in ("query", "passage")
  }


def _agree(
  how: str,
  config: ml_collections.ConfigDict,
  expected: dict[str, np.ndarray],
  found: dict[str, np.ndarray],
) -> None:
  for side, z_ND in expected.items():
    cosine_N = np.sum(z_ND * found[side], axis=-1)
    worst = int(np.argmin(cosine_N))
    if not cosine_N[worst] >= config.export.cosine:
      raise ValueError(
        f"the export, {how}, gives {PROBES[worst]!r} as a {side} a vector of"
        f" cosine {cosine_N[worst]:.6f} with the trained one, below"
        f" {config.export.cosine}; nothing is written"
      )


def _card(config, made, workdir, step) -> str:
  saved: list[dict[str, Any]] = [
    results.load(path.parent)
    for path in sorted((workdir / "results").glob(f"*/{results.FILE}"))
  ]
  init = str(config.model.init)
  shape = made.module.encoder
  settings = json.loads(config.to_json_best_effort())
  return model_card.card(
    name=f"{pathlib.Path(workdir).name} (step {step})",
    results=saved,
    training_languages=training_data.languages(config),
    prefixes={
      "query": config.data.query_prefix,
      "passage": config.data.passage_prefix,
    },
    max_lengths={
      "query": min(config.evaluation.query_length, shape.max_length),
      "passage": min(config.evaluation.passage_length, shape.max_length),
    },
    pooling=made.module.pooling,
    dimension=made.module.projection or shape.hidden_size,
    settings={
      key: settings[key] for key in ("batches", "loss", "optimizer", "seed")
    },
    base_model=init
    if not pathlib.Path(init).exists() and huggingface.is_hub_id(init)
    else None,
  )
