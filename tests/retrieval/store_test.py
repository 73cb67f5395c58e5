"""A folder of shards: whole or not at all, and vouched for by hashes."""

import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from hybridret_jax.ground import writing
from hybridret_jax.retrieval import search, store
from tests.ground import leftovers

ENCODED_BY = {"parameters": "ab12", "encoder": {"num_layers": 2, "heads": 4}}
TEXTS = [f"text {i}" for i in range(23)]


def opened(folder, encoded_by=ENCODED_BY, num_texts=23, size=10, **settings):
  return store.open_store(
    folder, encoded_by, num_texts, size, **{"side": "passage"} | settings
  )


def vectors(number, rows):
  rng = np.random.default_rng(number)
  return rng.normal(size=(rows, 4)).astype(np.float32)


def fill(held, numbers=(0, 1, 2)):
  for number in numbers:
    store.write(held, number, vectors(number, held.rows(number)), f"h{number}")
  return held


def test_what_is_written_is_read_back(tmp_path):
  held = opened(tmp_path / "new" / "folder")
  assert len(held) == 3 and store.missing(held) == [0, 1, 2]
  fill(held, [2, 0])  # In any order.
  again = opened(tmp_path / "new" / "folder")
  assert again == held and store.missing(again) == [1]
  with pytest.raises(ValueError, match="of 3 shards 1 are not finished"):
    store.read(again)
  shards = store.read(fill(again, [1]), verify=True)
  for _ in range(2):  # As often as one likes.
    for number, (shard, rows) in enumerate(
      zip(shards, (10, 10, 3), strict=True)
    ):
      assert isinstance(shard, np.memmap)
      np.testing.assert_array_equal(shard, vectors(number, rows))
  every = np.concatenate(list(shards))
  scores, indices = search.top_k(every[:5], shards, 7, chunk=8)
  want = search.top_k(every[:5], [every], 7, chunk=8)
  np.testing.assert_array_equal(indices, want[1])
  np.testing.assert_array_equal(scores, want[0])


def test_the_manifest_says_what_was_encoded_by_what(tmp_path):
  fill(opened(tmp_path, dtype="float16"))
  manifest = json.loads((tmp_path / "manifest.json").read_text())
  assert manifest["encoded_by"] == ENCODED_BY
  assert len(manifest["fingerprint"]) == 64
  assert (manifest["side"], manifest["dimension"]) == ("passage", 4)
  assert (manifest["dtype"], manifest["texts"]) == ("float16", 23)
  last = manifest["shards"][2]
  assert (last["number"], last["file"], last["rows"]) == (2, "00002.npy", 3)
  assert last["texts_sha256"] == "h2" and len(last["sha256"]) == 64
  assert np.load(tmp_path / "00002.npy").dtype == np.float16


@hypothesis.settings(max_examples=5, deadline=None)
@hypothesis.given(order=st.permutations([0, 1, 2]))
def test_any_order_gives_the_same_bytes(order, tmp_path_factory):
  folders = [tmp_path_factory.mktemp("store") for _ in range(2)]
  fill(opened(folders[0]))
  for number in order:
    fill(opened(folders[1]), [number])
  one, other = ({p.name: p.read_bytes() for p in f.iterdir()} for f in folders)
  assert one == other
  assert sorted(one) == [f"0000{i}.npy" for i in range(3)] + ["manifest.json"]


@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_a_damaged_shard_is_missing_and_said(tmp_path, caplog, harm):
  fill(opened(tmp_path))
  path = tmp_path / "00001.npy"
  data = bytearray(path.read_bytes())
  data[-1] ^= 1
  if harm == "remove":
    path.unlink()
  else:
    path.write_bytes(data[:-7] if harm == "cut" else data)
  held = opened(tmp_path)
  assert store.missing(held) == [1]
  assert "1 of 3 finished shards" in caplog.text
  assert "00001.npy" in caplog.text
  with pytest.raises(ValueError, match="1 differ from their hash"):
    store.read(held, verify=True)
  assert store.missing(fill(held, [1])) == []
  store.read(opened(tmp_path), verify=True)


def test_what_a_killed_writer_left_is_overwritten(tmp_path):
  fill(opened(tmp_path), [0])
  manifest = (tmp_path / "manifest.json").read_bytes()
  fill(opened(tmp_path), [1])
  # Killed between the two renames, and before that of shard 2.
  (tmp_path / "manifest.json").write_bytes(manifest)
  leftovers.name(tmp_path, ".npy").write_bytes(b"half")
  leftovers.name(tmp_path, ".json").write_bytes(b"half")
  writing.tidy(tmp_path)  # As another process's first write.
  held = opened(tmp_path)
  assert store.missing(held) == [1, 2]
  store.read(fill(held, [1, 2]), verify=True)
  assert sorted(path.name for path in tmp_path.iterdir()) == [
    "00000.npy", "00001.npy", "00002.npy", "manifest.json"
  ]  # fmt: skip


def test_a_failed_write_leaves_what_was(tmp_path, monkeypatch):
  held = fill(opened(tmp_path), [0])
  before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

  def full(*_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(np, "save", full)
  with pytest.raises(OSError, match="No space"):
    fill(held, [1])
  assert before == {p.name: p.read_bytes() for p in tmp_path.iterdir()}
  assert 1 not in held.shards


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (
      {"encoded_by": {**ENCODED_BY, "parameters": "cd34"}},
      "encoded_by.parameters is 'ab12' there and 'cd34' here",
    ),
    (
      {"encoded_by": {"parameters": "ab12", "encoder": {"num_layers": 3}}},
      "heads is 4 there and None here; encoded_by.encoder.num_layers is 2",
    ),
    ({"num_texts": 24}, "texts is 23 there and 24 here"),
    ({"size": 5}, "shard_size is 10 there and 5 here"),
    ({"side": "query"}, "side is 'passage' there and 'query' here"),
    ({"dtype": "float16"}, "dtype is 'float32' there"),
    ({"num_texts": 0}, "num_texts 0"),
    ({"dtype": "int8"}, "'int8' one of"),
  ],
)
def test_a_folder_of_something_else_is_refused(tmp_path, change, message):
  fill(opened(tmp_path), [0])
  with pytest.raises(ValueError, match=message):
    opened(tmp_path, **change)


@pytest.mark.parametrize("text", ["{", "[]", '{"shards": [{}]}', "{}"])
def test_a_manifest_that_cannot_be_read_vouches_for_nothing(
  tmp_path, text, caplog
):
  fill(opened(tmp_path), [0])
  (tmp_path / "manifest.json").write_text(text)
  held = opened(tmp_path)
  assert "manifest.json: damaged" in caplog.text
  assert store.missing(held) == [0, 1, 2]
  store.read(fill(held, [0, 1, 2]), verify=True)


def test_a_shard_of_another_shape_is_refused(tmp_path):
  held = fill(opened(tmp_path), [0])
  with pytest.raises(ValueError, match=r"shape \(3, 4\), not \(10, 4\)"):
    store.write(held, 1, vectors(1, 3), "h")
  with pytest.raises(ValueError, match=r"shape \(10, 5\), not \(10, 4\)"):
    store.write(held, 1, np.zeros((10, 5)), "h")
  with pytest.raises(ValueError, match="the store has 3"):
    store.write(held, 3, vectors(1, 3), "h")


def test_texts_are_told_apart(tmp_path):
  pairs = [[("ab", "c")], [("a", "bc")], [("ab",), ("c",)], [("abc",)]]
  hashes = [store.hash_texts(items) for items in pairs]
  assert len(set(hashes)) == 4
  held = opened(tmp_path)
  store.write(held, 2, vectors(2, 3), hashes[0])
  store.check_texts(held, 2, hashes[0])
  with pytest.raises(ValueError, match="other texts than number 20 to 22"):
    store.check_texts(held, 2, hashes[1])
