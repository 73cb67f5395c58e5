"""Repeated flags."""

from hybridret_jax.ground import arguments


def test_what_is_given_twice():
  assert arguments.repeated(
    [
      "--config.a.b=('x',)",
      "--mode",
      "train",
      "-1",
      "--config.a.b",
      "('y',)",
      "-1",
      "-mode=train",
      "--c=1",
      "--",
      "--c=2",
    ]
  ) == ["config.a.b", "mode"]
  assert arguments.repeated(["--a=1\n", "--ab=1", "a=2", "--a.b=3"]) == []
