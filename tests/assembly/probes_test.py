"""Probes hold what tells a wrong tokenizer or a wrong cut."""

from hybridret_jax.assembly import probes
from hybridret_jax.data import tokenizer
from tests.assembly import model_folders


def test_every_kind_of_text_is_there(tmp_path):
  loaded = tokenizer.load(model_folders.make(tmp_path / "model"))
  made = probes.make(loaded, longest=30)
  tokens = loaded.encode(made.texts, prefix="", max_length=30)
  assert tokens.cut >= 1
  assert "" in made.texts
  assert any(text != text.lower() for text in made.texts)
  added = loaded.backend.get_added_tokens_decoder()
  seen = set(tokens.ids.tolist())
  assert set(added) - {loaded.pad_id} <= seen
  whole = loaded.encode(made.texts, prefix="", max_length=500)
  assert len(set(whole.ids.tolist())) > 0.9 * loaded.vocab_size - 1
  assert all(made.pair)
