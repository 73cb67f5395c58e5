"""Hashes of files and of values: equal if and only if the content is."""

import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any


def of_file(path: str | os.PathLike) -> str:
  """The SHA-256 of a file's bytes, in hexadecimal."""
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


class Digest:
  """A SHA-256 of values in their order; what JSON can hold is a value.

  Each value is hashed with its length, so ["ab", "c"] is not ["a", "bc"].
  """

  def __init__(self):
    self._hash = hashlib.sha256()

  def add(self, value: Any) -> None:
    data = json.dumps(
      value, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode("utf-8", "surrogatepass")
    self._hash.update(len(data).to_bytes(8, "little"))
    self._hash.update(data)

  def hexdigest(self) -> str:
    return self._hash.hexdigest()


def of_values(values: Iterable[Any]) -> str:
  """The SHA-256 of values in their order, in hexadecimal."""
  digest = Digest()
  for value in values:
    digest.add(value)
  return digest.hexdigest()
