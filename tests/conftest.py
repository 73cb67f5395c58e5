"""Eight CPU devices and strict settings for every test."""

import os
import pathlib

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import jax  # noqa: E402  (the platform is read at import)
import pytest  # noqa: E402
from absl import flags  # noqa: E402

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
flags.FLAGS.mark_as_parsed()


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
  """The folder of real data; tests of it skip where it is absent."""
  default = pathlib.Path(__file__).parents[2] / "shared"
  folder = pathlib.Path(os.environ.get("HYBRIDRET_SHARED", default))
  if not (folder / "data" / "xquad-r").is_dir():
    pytest.skip(f"real data not found at {folder}; set HYBRIDRET_SHARED")
  return folder
