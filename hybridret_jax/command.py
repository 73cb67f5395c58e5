"""What the command `hybridret` starts: `python -m hybridret_jax.main`."""


def run() -> None:
  """Takes the streams before any library does, and runs the command line."""
  from hybridret_jax.ground import terminal

  terminal.hold()
  from hybridret_jax import main

  main.run()
