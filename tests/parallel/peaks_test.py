"""Published peaks by the names that jax gives devices."""

import jax
import pytest

from hybridret_jax.parallel import peaks


@pytest.mark.parametrize(
  ("kind", "tflops", "gib"),
  [
    ("TPU v4", 275, 32),
    ("TPU v5 lite", 197, 16),
    ("TPU v5", 459, 95),
    ("TPU v6 lite", 918, 32),
    ("NVIDIA A100-SXM4-80GB", 312, 80),
    ("NVIDIA H100 80GB HBM3", 989.5, 80),
    ("NVIDIA H200", 989.5, 141),
  ],
)
def test_published_figures(kind, tflops, gib):
  peak = peaks.of(kind)
  assert peak is not None
  assert peak.bfloat16 == tflops * 1e12
  assert peak.memory_bytes == gib * 2**30


def test_a_device_that_is_not_known_has_no_peak():
  assert peaks.of(jax.devices()[0].device_kind) is None
  assert peaks.of("TPU v99") is None


def test_float32_is_multiplied_in_what_xla_takes_for_it():
  tpu, gpu = peaks.of("TPU v4"), peaks.of("NVIDIA A100-SXM4-40GB")
  assert tpu is not None and gpu is not None
  assert tpu.at("float32") == tpu.at("bfloat16") == 275e12
  assert tpu.float32 is None
  assert gpu.at("float32") == gpu.tensorfloat32 == 156e12
  assert gpu.float32 == 19.5e12
  assert tpu.at("float64") is None


def test_dense_figures_stand_in_the_usual_proportion():
  """Tensor cores multiply TF32 at half the rate of bfloat16: no sparse figure
  and no figure of another type has slipped in."""
  for kind, peak in peaks._PEAKS.items():
    if kind.startswith("NVIDIA"):
      assert peak.tensorfloat32 is not None and peak.float32 is not None
      assert peak.bfloat16 / peak.tensorfloat32 == pytest.approx(2, rel=0.02)
      assert peak.float32 < peak.tensorfloat32
