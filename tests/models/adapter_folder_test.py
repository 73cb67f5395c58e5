"""Adapters as PEFT reads them: the same weights once they are merged."""

import json
import re

import jax
import numpy as np
import pytest
import safetensors.numpy

from hybridret_jax.models import adapter_folder, huggingface, weights
from hybridret_jax.training import lora
from tests.models import parity_test

FIXTURES = (
  "tiny_bert",
  "tiny_xlm_roberta",
  "tiny_modernbert",
  "tiny_gte",
  "tiny_qwen3",
  "tiny_gemma3",
)
# All at once; and of a packed tensor one part, beside another with two.
TARGETS = (("all",), ("query", "mlp_in"), ("value", "key", "attention_out"))


def adapted(name, targets):
  """(settings, encoder, its parameters, adapters, merged parameters)."""
  settings = lora.Settings(rank=3, alpha=7.0, targets=targets)
  place = parity_test.FIXTURES / name
  module, params = parity_test.load(place, "mean")
  config = huggingface.read_config(place)
  boxed = jax.tree.map(_Boxed, params)
  made = jax.tree.map(
    lambda box: box.value,
    lora.start(boxed, settings, jax.random.key(0)),
    is_leaf=lambda node: isinstance(node, _Boxed),
  )
  rng = np.random.default_rng(1)
  made = jax.tree.map(
    lambda x: rng.normal(0, 0.1, x.shape).astype(np.float32), made
  )
  merged = lora.merged(params, made, settings)
  del module
  return settings, config, params["both"], made["both"], merged["both"]


class _Boxed:
  """A parameter with names of its axes, as the model's own are."""

  def __init__(self, value, names=("layers", "in", "out")):
    self.value, self.names = value, names

  def replace(self, value, names):
    return _Boxed(value, names)


def written(folder, name, targets, share=1.0):
  settings, config, params, made, merged = adapted(name, targets)
  adapter_folder.write(
    folder,
    made["encoder"]["layers"],
    config,
    alpha=settings.alpha,
    dropout=0.1,
    base="someone/model",
    share=share,
  )
  return (
    weights.to_tensors(params["encoder"], config),
    weights.to_tensors(merged["encoder"], config),
  )


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("name", FIXTURES)
def test_what_is_written_is_what_is_merged(name, targets, tmp_path):
  before, after = written(tmp_path, name, targets)
  config = json.loads((tmp_path / adapter_folder.CONFIG).read_text("utf-8"))
  tensors = safetensors.numpy.load_file(tmp_path / adapter_folder.WEIGHTS)
  assert config["base_model_name_or_path"] == "someone/model"
  changed = set()
  for weight, want in after.items():
    module = weight.removesuffix(".weight")
    a_ri = tensors.get(f"base_model.model.{module}.lora_A.weight")
    if a_ri is None:
      np.testing.assert_array_equal(want, before[weight])
      continue
    changed.add(module)
    b_or = tensors[f"base_model.model.{module}.lora_B.weight"]
    assert re.fullmatch(config["target_modules"], module)
    rank, alpha = config["r"], config["lora_alpha"]
    for pattern, own in config["rank_pattern"].items():
      if re.match(rf".*\.{pattern}$", module):
        rank, alpha = own, config["alpha_pattern"][pattern]
    assert a_ri.shape[0] == rank
    np.testing.assert_allclose(
      before[weight] + alpha / rank * b_or @ a_ri, want, atol=1e-6
    )
  assert len(tensors) == 2 * len(changed)
  # The pattern names what is adapted, and nothing else.
  assert changed == {
    w.removesuffix(".weight")
    for w in before
    if re.fullmatch(config["target_modules"], w.removesuffix(".weight"))
  }


def test_a_share_of_what_was_learnt(tmp_path):
  (tmp_path / "whole").mkdir()
  (tmp_path / "part").mkdir()
  written(tmp_path / "whole", "tiny_bert", ("query",))
  written(tmp_path / "part", "tiny_bert", ("query",), share=0.25)
  whole, part = (
    safetensors.numpy.load_file(tmp_path / at / adapter_folder.WEIGHTS)
    for at in ("whole", "part")
  )
  for name, x in whole.items():
    times = 0.25 if ".lora_B." in name else 1
    np.testing.assert_allclose(part[name], times * x, rtol=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("name", [x for x in FIXTURES if x != "tiny_gte"])
def test_peft_loads_it_and_merges_to_the_same_weights(name, targets, tmp_path):
  peft = pytest.importorskip("peft", reason="peft is not installed")
  transformers = pytest.importorskip("transformers")
  pytest.importorskip("torch", reason="torch is not installed")
  _, after = written(tmp_path, name, targets)
  base = transformers.AutoModel.from_pretrained(parity_test.FIXTURES / name)
  found = peft.PeftModel.from_pretrained(base, tmp_path).merge_and_unload()
  state = {k: v.detach().numpy() for k, v in found.state_dict().items()}
  for weight, want in after.items():
    np.testing.assert_allclose(state[weight], want, atol=1e-6, err_msg=weight)
