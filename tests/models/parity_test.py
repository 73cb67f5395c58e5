"""Parity with torch: stored fixtures, and live where torch is installed."""

import functools
import pathlib

import flax.linen as nn
import jax
import numpy as np
import pytest

from hybridret_jax.data import packing
from hybridret_jax.models import dual_encoder, encoder, huggingface
from tests.training import tiny

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
POOLINGS = {"bert": "mean", "labse": "cls_dense_tanh", "xlm_roberta": "cls"}


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
    row_length=20,
  )


@pytest.mark.torch
@pytest.mark.parametrize("name", POOLINGS)
def test_fixtures_are_what_torch_gives_today(name, tmp_path):
  pytest.importorskip("torch")
  import importlib.util

  path = FIXTURES / "make_parity.py"
  spec = importlib.util.spec_from_file_location("make_parity", path)
  make_parity = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(make_parity)
  make_parity.write(name, tmp_path)
  now = np.load(tmp_path / "outputs.npz")
  stored = np.load(FIXTURES / f"tiny_{name}" / "outputs.npz")
  for key in ("hidden", "unit"):
    np.testing.assert_allclose(now[key], stored[key], rtol=0, atol=1e-5)


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
