"""A run with adapters: killed and resumed, judged, exported, loaded by PEFT."""

import json
import shutil

import jax
import numpy as np
import pytest

from hybridret_jax import library, retriever
from hybridret_jax import run as runs
from hybridret_jax.models import tensor_files
from hybridret_jax.training import lora
from tests.fixtures import small_run

TEXTS = ["question en aeaf", "answer de bgch"]


def _config(place):
  config = small_run.config_of(place)
  config.lora.rank = 4
  config.lora.dropout = 0.2
  config.lora.targets = ("query", "value", "mlp_in")
  config.optimizer.learning_rate = 1e-2
  config.train.steps = 4
  config.train.checkpoint_every = 2
  config.export.adapter = True
  return config


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("lora")
  small_run.make(place, _config(place))
  return place


def test_a_run_goes_on_bit_for_bit(place, tmp_path):
  run = tmp_path / "run"
  shutil.copytree(place / "run", run)
  newest = max((run / "checkpoints").glob("[0-9]*"), key=lambda p: int(p.name))
  shutil.rmtree(newest)
  library.train(_config(place), run)
  for side in ("query", "passage"):
    one, other = (
      getattr(retriever.Retriever.load(at), f"encode_{kind}")(TEXTS)
      for at, kind in (
        (place / "run", "queries" if side == "query" else "passages"),
        (run, "queries" if side == "query" else "passages"),
      )
    )
    np.testing.assert_array_equal(one, other)


def test_the_start_has_moved_by_the_adapters_alone(place):
  library.export(None, place / "run")
  before = tensor_files.of_folder(place / "start")
  after = tensor_files.of_folder(place / "run" / "export")
  moved = {
    name
    for name, x in after.items()
    if np.abs(x.read() - before[name].read()).max() > 1e-6
  }
  assert moved == {
    f"encoder.layer.{layer}.{name}.weight"
    for layer in range(2)
    for name in (
      "attention.self.query",
      "attention.self.value",
      "intermediate.dense",
    )
  }


@pytest.mark.torch
def test_peft_gives_the_merged_models_weights(place):
  peft = pytest.importorskip("peft", reason="peft is not installed")
  pytest.importorskip("torch", reason="torch is not installed")
  transformers = pytest.importorskip("transformers")
  if not (place / "run" / "export").exists():
    library.export(None, place / "run")
  folder = place / "run" / "export" / "adapter"
  said = json.loads((folder / "adapter_config.json").read_text("utf-8"))
  assert said["base_model_name_or_path"] == "start"
  assert (said["r"], said["lora_alpha"], said["lora_dropout"]) == (4, 16, 0.2)
  base = transformers.AutoModel.from_pretrained(place / "start")
  merged = peft.PeftModel.from_pretrained(base, folder).merge_and_unload()
  after = tensor_files.of_folder(place / "run" / "export")
  for name, x in merged.state_dict().items():
    if name in after:
      np.testing.assert_allclose(x.numpy(), after[name].read(), atol=1e-6)
  assert sum(name in after for name in merged.state_dict()) > 20


def test_the_card_says_what_was_adapted(place):
  if not (place / "run" / "export").exists():
    library.export(None, place / "run")
  card = (place / "run" / "export" / "README.md").read_text("utf-8")
  assert "rank" in card and "mlp_in" in card


@pytest.mark.parametrize(
  ("key", "value", "said"),
  [
    ("targets", ("qkv",), "lora.targets names 'qkv'; the layers of this"),
    ("rank", 400, "lora.rank 400 is more than the 24 that"),
    ("alpha", 0.0, "lora.alpha is 0.0"),
  ],
)
def test_what_does_not_fit_is_refused_before_anything_is_made(
  place, tmp_path, key, value, said
):
  config = _config(place)
  config.lora[key] = value
  with pytest.raises(ValueError, match=said):
    library.train(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def test_an_adapter_without_a_rank_is_refused(place, tmp_path):
  config = _config(place)
  config.lora.rank = 0
  with pytest.raises(ValueError, match="export.adapter is True, but lora.rank"):
    library.train(config, tmp_path / "run")


def test_vectors_of_adapters_apart_are_those_of_the_merged(place):
  """As a step sees them, against what is judged."""
  run = runs.Run(_config(place), place / "run")
  params, _ = run.parameters(runs.TRAINED)
  start = run.model.start(seed=0)
  settings = lora.Settings(**run.config.lora)
  apart = jax.jit(lambda a, b: lora.merged(a, b, settings))(
    start, run.adapters()
  )
  for one, other in zip(
    jax.tree.leaves(params), jax.tree.leaves(apart), strict=True
  ):
    np.testing.assert_allclose(one, other, atol=1e-6)
