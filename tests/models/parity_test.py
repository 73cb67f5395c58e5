"""Parity with torch: stored fixtures, and live where torch is installed."""

import functools
import importlib.util
import pathlib

import flax.linen as nn
import jax
import numpy as np
import pytest

from hybridret_jax.data import packing
from hybridret_jax.models import (
  dual_encoder,
  encoder,
  huggingface,
  tensor_files,
  weights,
)
from tests.training import tiny

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
POOLINGS = {
  "bert": "mean",
  "labse": "cls_dense_tanh",
  "xlm_roberta": "cls",
  "modernbert": "mean",
  "gte": "cls",
  "qwen3": "last",
  "gemma3": "mean",
}


def load(folder, pooling):
  """(module, parameters) of a folder."""
  config = huggingface.read_config(folder)
  module = dual_encoder.DualEncoder(config, pooling=pooling)
  abstract = nn.unbox(
    jax.eval_shape(functools.partial(tiny.init, module), jax.random.key(0))
  )
  return module, huggingface.load(folder, abstract, config, seed=0)


def pack(ids, lengths, row_length, row_count=None):
  """Rows of the given padded texts."""
  flat = np.concatenate([x[:n] for x, n in zip(ids, lengths, strict=True)])
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  _, rows = packing.assign(lengths, row_length)
  return packing.pack(
    flat,
    offsets,
    np.arange(len(lengths)),
    row_length=row_length,
    row_count=row_count or rows,
    pad_id=0,
  )


def hidden_states(module, params, packed, shape):
  """Token states, laid out as texts by positions."""
  x_TD = encoder.Encoder(module.encoder).apply(
    {"params": params["both"]["encoder"]}, (packed.arrays(),)
  )
  out = np.zeros(shape, np.float32)
  real = packed.segments_RL > 0
  out[packed.text_index_RL[real], packed.positions_RL[real]] = np.asarray(
    x_TD
  ).reshape(*real.shape, -1)[real]
  return out


def check(folder, pooling, ids, lengths, hidden, unit, row_length):
  module, params = load(folder, pooling)
  packed = pack(ids, lengths, row_length)
  assert len(packed.ids_RL) < len(lengths)  # Texts do share rows.
  z_ND = module.apply(
    {"params": params}, (packed.arrays(),), num_texts=len(lengths)
  )
  np.testing.assert_allclose(z_ND, unit, rtol=0, atol=1e-5)
  real = np.arange(hidden.shape[1]) < lengths[:, None]
  ours = hidden_states(module, params, packed, hidden.shape)
  np.testing.assert_allclose(ours[real], hidden[real], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", POOLINGS)
def test_tiny_models_equal_torch(name):
  folder = FIXTURES / f"tiny_{name}"
  stored = np.load(folder / "outputs.npz")
  check(
    folder,
    POOLINGS[name],
    stored["ids"],
    stored["lengths"],
    stored["hidden"],
    stored["unit"],
    row_length=max(20, int(stored["lengths"].max()) + 6),
  )


def made_by():
  """The script that writes the fixtures, as a module."""
  path = FIXTURES / "make_parity.py"
  spec = importlib.util.spec_from_file_location("make_parity", path)
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.mark.torch
@pytest.mark.parametrize("name", POOLINGS)
def test_fixtures_are_what_torch_gives_today(name, tmp_path):
  pytest.importorskip("torch")
  make_parity = made_by()
  make_parity.write(name, tmp_path)
  now = np.load(tmp_path / "outputs.npz")
  stored = np.load(FIXTURES / f"tiny_{name}" / "outputs.npz")
  for key in ("hidden", "unit"):
    np.testing.assert_allclose(now[key], stored[key], rtol=0, atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_equal_torchs(name):
  """Of every tensor, of the hidden states against fixed random ones."""
  torch = pytest.importorskip("torch")
  folder = FIXTURES / f"tiny_{name}"
  stored = np.load(folder / "outputs.npz")
  ids, lengths = stored["ids"], stored["lengths"]
  mask = np.arange(ids.shape[1]) < lengths[:, None]
  against = np.random.default_rng(1).normal(size=stored["hidden"].shape)
  against = (against * mask[..., None]).astype(np.float32)

  make_parity = made_by()
  model = make_parity.load(name, folder)
  hidden = make_parity.hidden(model, torch.tensor(ids), torch.tensor(mask))
  (hidden * torch.tensor(against)).sum().backward()
  theirs = {
    tensor_files.canonical(key): value.grad.numpy()
    for key, value in model.named_parameters()
    if value.grad is not None
  }

  module, params = load(folder, POOLINGS[name])
  packed = pack(ids, lengths, int(max(20, lengths.max() + 6)))
  real = packed.segments_RL > 0
  against_TD = np.zeros((real.size, against.shape[-1]), np.float32)
  against_TD[real.reshape(-1)] = against[
    packed.text_index_RL[real], packed.positions_RL[real]
  ]

  def total(params):
    x_TD = encoder.Encoder(module.encoder).apply(
      {"params": params}, (packed.arrays(),)
    )
    return (x_TD * against_TD).sum()

  grads = jax.jit(jax.grad(total))(params["both"]["encoder"])
  ours = weights.to_tensors(jax.device_get(grads), module.encoder)
  assert set(ours) == set(theirs)
  # Where a softmax is nearly hard, its own small gradient is rounding noise.
  floor = 1e-3 * np.sqrt(sum((x**2).sum() for x in theirs.values()))
  for key, expected in theirs.items():
    found = ours[key]
    if len(found) == make_parity.SIZES["vocab_size"]:
      # Torch leaves out the padding token's own row.
      pad = model.config.pad_token_id
      found, expected = (np.delete(x, pad, axis=0) for x in (found, expected))
    scale = max(np.linalg.norm(expected), floor)
    error = np.linalg.norm(found - expected) / scale
    assert error <= 1e-4, (key, float(error))


@pytest.mark.torch
def test_e5_small_equals_torch(me5_small):
  torch = pytest.importorskip("torch")
  import transformers

  model = transformers.AutoModel.from_pretrained(
    me5_small, dtype=torch.float32, add_pooling_layer=False
  ).eval()
  rng = np.random.default_rng(0)
  lengths = np.array([12, 40, 7, 64, 23, 3, 30])
  ids = rng.integers(5, 250_000, (len(lengths), lengths.max()))
  mask = np.arange(lengths.max()) < lengths[:, None]
  with torch.no_grad():
    hidden = model(
      input_ids=torch.tensor(np.where(mask, ids, 1)),
      attention_mask=torch.tensor(mask).long(),
    ).last_hidden_state.numpy()
  unit = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
  unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
  check(me5_small, "mean", ids, lengths, hidden, unit, row_length=96)


def test_e5_small_gives_the_known_vector(me5_small):
  module, params = load(me5_small, "mean")
  ids = np.array(
    [[0, 41, 1294, 12, 3642, 5045, 21308, 5608, 10, 117776, 73203, 2]]
  )
  packed = pack(ids, np.array([12]), 16)
  z_ND = module.apply({"params": params}, (packed.arrays(),), num_texts=1)
  known = [0.03206, -0.04449, -0.06024, -0.04465, 0.12043, -0.05451]
  np.testing.assert_allclose(z_ND[0, :6], known, rtol=0, atol=1e-5)
