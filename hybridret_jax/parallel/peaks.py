"""What accelerators can do at most, as their makers publish it."""

import dataclasses

_TERA = 10**12
_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Peak:
  """Figures of one `jax.Device`: a chip, or its half where jax sees halves.

  Attributes:
    bfloat16: FLOP/s of dense products, without sparsity.
    memory_bytes: that the device's own memory holds.
    float32: FLOP/s of products in full float32; None where not published.
    tensorfloat32: FLOP/s of dense TF32 products; None where there are none.
  """

  bfloat16: float
  memory_bytes: int
  float32: float | None = None
  tensorfloat32: float | None = None

  def at(self, dtype: str) -> float | None:
    """FLOP/s of products of `dtype` at XLA's default precision.

    float32 is then multiplied as bfloat16 on TPU and as TF32 on GPUs that have
    it (docs.jax.dev, "Matmul precision"). None for other types.
    """
    if dtype == "float32":
      return self.tensorfloat32 or self.bfloat16
    return self.bfloat16 if dtype == "bfloat16" else None


def of(device_kind: str) -> Peak | None:
  """Figures of a `jax.Device.device_kind`; None for others, such as a CPU."""
  return _PEAKS.get(device_kind)


def _tpu(tflops: float, memory_gib: float) -> Peak:
  return Peak(tflops * _TERA, int(memory_gib * _GIB))


def _gpu(*, bf16: float, tf32: float, fp32: float, memory_gib: float) -> Peak:
  return Peak(bf16 * _TERA, int(memory_gib * _GIB), fp32 * _TERA, tf32 * _TERA)


# TPUs: docs.cloud.google.com/tpu/docs/{v3,v4,v5e,v5p,v6e,tpu7x}, "Peak compute
# per chip (bf16)" and "HBM capacity per chip". jax sees the two cores of a v3
# chip, and the two chiplets of a TPU7x chip, as devices: half a chip's figures.
_V5E = _tpu(197, 16)
_V5P = _tpu(459, 95)
_V6E = _tpu(918, 32)

# GPUs: NVIDIA's data sheets of the A100, H100, H200, L4, L40S and HGX B200.
# From Hopper on they give tensor figures with 2:4 sparsity, twice these. The
# memory of the name is in GiB.
_A100 = {"bf16": 312, "tf32": 156, "fp32": 19.5}
_HOPPER = {"bf16": 989.5, "tf32": 494.5, "fp32": 67}  # SXM.
_HOPPER_NVL = {"bf16": 835.5, "tf32": 417.5, "fp32": 60}

_PEAKS = {
  "TPU v3": _tpu(123 / 2, 32 / 2),
  "TPU v4": _tpu(275, 32),
  "TPU v5 lite": _V5E,
  "TPU v5e": _V5E,
  "TPU v5": _V5P,
  "TPU v5p": _V5P,
  "TPU v6 lite": _V6E,
  "TPU v6e": _V6E,
  "TPU7x": _tpu(2307 / 2, 192 / 2),
  "NVIDIA A100-SXM4-40GB": _gpu(**_A100, memory_gib=40),
  "NVIDIA A100-PCIE-40GB": _gpu(**_A100, memory_gib=40),
  "NVIDIA A100-SXM4-80GB": _gpu(**_A100, memory_gib=80),
  "NVIDIA A100 80GB PCIe": _gpu(**_A100, memory_gib=80),
  "NVIDIA H100 80GB HBM3": _gpu(**_HOPPER, memory_gib=80),
  "NVIDIA H100 PCIe": _gpu(bf16=756.5, tf32=378, fp32=51, memory_gib=80),
  "NVIDIA H100 NVL": _gpu(**_HOPPER_NVL, memory_gib=94),
  "NVIDIA H200": _gpu(**_HOPPER, memory_gib=141),
  "NVIDIA H200 NVL": _gpu(**_HOPPER_NVL, memory_gib=141),
  "NVIDIA B200": _gpu(bf16=2250, tf32=1125, fp32=75, memory_gib=180),
  "NVIDIA L4": _gpu(bf16=121, tf32=60, fp32=30.3, memory_gib=24),
  "NVIDIA L40S": _gpu(bf16=362, tf32=183, fp32=91.6, memory_gib=48),
}
