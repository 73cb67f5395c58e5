"""A grid of runs, its cells, what is found in them, and the report of that."""

from hybridret_jax.study.worker import study

__all__ = ["study"]
