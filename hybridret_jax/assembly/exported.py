"""A model written as a Hugging Face folder, loaded back and compared."""

import importlib.util
import logging
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from hybridret_jax.assembly import judging, model, probes, settled
from hybridret_jax.models import adapter_folder
from hybridret_jax.models import folder as folders
from hybridret_jax.parallel import mesh as meshes

ADAPTER = "adapter"
_LOG = logging.getLogger(__name__)


def write(made: model.Model, params: Any, folder: pathlib.Path) -> None:
  """Writes the towers of a model, as what they are.

  Args:
    made: the model.
    params: its parameters, numpy.
    folder: which is there and empty.
  """
  for name, tower in params.items():
    place = folder if made.module.tied else folder / name
    place.mkdir(exist_ok=True)
    folders.write(
      place,
      tower,
      made.module.encoder,
      pooling=made.module.pooling,
      tokenizer_files=made.tokenizer.files(made.lengths["passage"]),
      prompts=made.prefixes,
      max_lengths=made.lengths,
      pad_id=made.tokenizer.pad_id,
      lower_case=made.tokenizer.lower_case,
      truncate_dim=made.module.truncate_dim,
    )


def write_adapters(
  made: model.Model,
  adapters: Any,
  folder: pathlib.Path,
  config: ml_collections.ConfigDict,
) -> None:
  """Writes what was learnt beside the start, as a folder for PEFT.

  It is adapter/ in the folder of each tower.

  Args:
    made: the model.
    adapters: `lora.start`'s tree, numpy.
    folder: that `write` wrote.
    config: of the run: its lora, its start and the start's share.
  """
  init = pathlib.Path(config.model.init)
  base = init.absolute().name if init.exists() else str(init)
  for name, tower in adapters.items():
    place = (folder if made.module.tied else folder / name) / ADAPTER
    place.mkdir()
    adapter_folder.write(
      place,
      tower["encoder"]["layers"],
      made.module.encoder,
      alpha=config.lora.alpha,
      dropout=config.lora.dropout,
      base=base,
      share=1 - config.model.start_share,
    )


def towers(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """Where each side's model lies: the folder itself if they are tied."""
  if (folder / "modules.json").is_file():
    return {"both": folder}
  return {side: folder / side for side in ("query", "passage")}


def check(
  folder: pathlib.Path,
  config: ml_collections.ConfigDict,
  asked: probes.Probes,
  expected: dict[str, np.ndarray],
) -> None:
  """Loads a folder back, with nothing but what it says itself, and compares.

  Through sentence-transformers too, where that is installed.

  Args:
    folder: that was written.
    config: of the model that was written.
    asked: what is embedded.
    expected: what the model made of it, by side.

  Raises:
    ValueError: a vector differs by more than export.cosine.
  """
  mesh = meshes.local()  # The first process is alone here.
  # What the folder says itself is what others will go by.
  opened = settled.opened(config)
  with opened.unlocked():
    opened.model.init = str(folder)
    opened.model.tokenizer = ""
  made = model.make(opened)
  params = jax.device_put(made.start(seed=0), meshes.replicated(mesh))
  encode_texts = judging.encoder(opened, made, mesh)
  least = config.export.cosine
  found = probes.embed(encode_texts, params, asked)
  _agree("read back", least, asked, expected, found)
  if not made.module.encoder.architecture.in_transformers:
    _LOG.warning(
      "%s: sentence-transformers loads this architecture by the remote code"
      " that config.json names, which is not run here: not compared.",
      folder,
    )
    return
  if importlib.util.find_spec("sentence_transformers") is None:
    _LOG.info("sentence-transformers is not installed: not compared.")
    return
  found = _by_sentence_transformers(folder, made, asked)
  _agree("loaded by sentence-transformers", least, asked, expected, found)


def _by_sentence_transformers(folder, made, asked) -> dict[str, np.ndarray]:
  import sentence_transformers  # pyright: ignore[reportMissingImports]

  # Of a table of a pooler that no module of ours has.
  logging.getLogger("transformers").setLevel(logging.ERROR)
  found = {}
  for side in ("query", "passage"):
    places = towers(folder)
    library = sentence_transformers.SentenceTransformer(
      str(places.get(side, places.get("both"))), device="cpu"
    )
    encode = library.encode_query
    if side == "passage":
      encode = library.encode_document
    found[side] = np.asarray(
      encode(list(asked.texts), batch_size=4, show_progress_bar=False)
    )
  text, context = asked.pair
  features = library.tokenizer(
    [made.prefixes["passage"] + text],
    [context],
    truncation="longest_first",
    max_length=made.lengths["passage"],
    return_tensors="pt",
  )
  pair_1D = library(dict(features))["sentence_embedding"].detach().numpy()
  # Called so, it cuts nothing; encoding cuts, and leaves the length as it is.
  pair_1D = pair_1D[:, : library.truncate_dim]
  found["passage"] = np.concatenate([found["passage"], pair_1D])
  return {
    side: z_ND / np.linalg.norm(z_ND, axis=1, keepdims=True)
    for side, z_ND in found.items()
  }


def _agree(
  how: str,
  least: float,
  asked: probes.Probes,
  expected: dict[str, np.ndarray],
  found: dict[str, np.ndarray],
) -> None:
  texts: Sequence[Any] = (*asked.texts, asked.pair)
  for side, z_ND in expected.items():
    cosine_N = np.sum(z_ND * found[side], axis=-1)
    worst = int(np.argmin(cosine_N))
    if not cosine_N[worst] >= least:
      raise ValueError(
        f"the export, {how}, gives {texts[worst]!r} as a {side} a vector of"
        f" cosine {cosine_N[worst]:.6f} with the trained one, below"
        f" {least}; nothing is written"
      )
