"""A folder's model is the one that its own libraries make of it."""

import json
import shutil

import jax
import numpy as np
import pytest
import safetensors.numpy
from jax.sharding import AxisType, Mesh

from hybridret_jax.assembly import judging, model
from hybridret_jax.data import tokenizer
from hybridret_jax.ground import faults
from hybridret_jax.models import folder as folders
from hybridret_jax.parallel import mesh as meshes
from tests.assembly import model_folders

TEXTS = ("word 3 ABC", "abc", "", "WORD 11 word 7 Abc" * 6, "<mask> 5")
IDENTITY = "torch.nn.modules.linear.Identity"


def one_device():
  return Mesh(
    np.array(jax.devices()[:1]).reshape(1, 1, 1),
    ("data", "fsdp", "tensor"),
    axis_types=(AxisType.Auto,) * 3,
  )


def encoder(config, mesh=None):
  """(made, texts, side, contexts -> vectors) of a config."""
  mesh = mesh or one_device()
  made = model.make(config)
  params = jax.device_put(made.start(seed=0), meshes.replicated(mesh))
  encode_texts = judging.encoder(config, made, mesh)
  return made, lambda texts, side="query", **more: encode_texts(
    params, texts, side, **more
  )


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
  """A folder that says all that a folder can say."""
  folder = model_folders.make(tmp_path_factory.mktemp("all") / "model")
  kernel = np.random.default_rng(0).normal(size=(8, 24)).astype(np.float32)
  said = {
    "in_features": 24,
    "out_features": 8,
    "bias": False,
    "activation_function": IDENTITY,
  }
  model_folders.modules(folder, (said, {"linear.weight": kernel}))
  change = model_folders.change
  change(
    folder / "sentence_bert_config.json",
    max_seq_length=14,
    query_length=9,
    document_length=14,
    do_lower_case=True,
  )
  change(
    folder / "config_sentence_transformers.json",
    prompts={"query": "word 1 ", "document": "abc "},
  )
  change(folder / "tokenizer_config.json", truncation_side="left")
  return folder


@pytest.fixture(scope="module")
def embedded(everything, tmp_path_factory):
  """(config, made, its vectors by side)."""
  config = model_folders.config(everything, tmp_path_factory.mktemp("cache"))
  made, encode = encoder(config)
  return config, made, {s: encode(TEXTS, s) for s in ("query", "passage")}


def test_a_folders_statements_are_what_is_loaded(embedded):
  _, made, vectors = embedded
  assert made.module.pooling == "cls" and made.module.projection == 8
  assert made.prefixes == {"query": "word 1 ", "passage": "abc "}
  assert made.lengths == {"query": 9, "passage": 14}
  assert made.tokenizer.lower_case and made.tokenizer.cut_side == "left"
  assert made.notes == ()
  assert vectors["query"].shape == (5, 8)


@pytest.mark.torch
def test_vectors_are_those_of_sentence_transformers(everything, embedded):
  library = pytest.importorskip("sentence_transformers").SentenceTransformer(
    str(everything), device="cpu"
  )
  _, _, vectors = embedded
  for side, encode in (
    ("query", library.encode_query),
    ("passage", library.encode_document),
  ):
    np.testing.assert_allclose(vectors[side], encode(list(TEXTS)), atol=1e-5)


def test_what_was_written_reads_back_with_nothing_said(embedded, tmp_path):
  config, made, vectors = embedded
  params = made.start(seed=0)
  out = tmp_path / "out"
  out.mkdir()
  write(out, made, params["both"])
  assert not (out / "special_tokens_map.json").exists()
  read, encode = encoder(model_folders.config(out, tmp_path / "cache"))
  assert (read.prefixes, read.lengths) == (made.prefixes, made.lengths)
  for side in vectors:
    np.testing.assert_array_equal(encode(TEXTS, side), vectors[side])
  # And as two towers.
  two = tmp_path / "two"
  for side in ("query", "passage"):
    shutil.copytree(out, two / side)
  read, encode = encoder(model_folders.config(two, tmp_path / "cache"))
  assert not read.module.tied
  for side in vectors:
    np.testing.assert_allclose(encode(TEXTS, side), vectors[side], atol=1e-6)
  config = model_folders.config(two, tmp_path / "cache")
  config.model.tied = True
  with pytest.raises(faults.Fault, match="two towers.*set model.tied=False"):
    model.make(config).check_weights()


def write(place, made, tower):
  folders.write(
    place,
    tower,
    made.module.encoder,
    pooling=made.module.pooling,
    tokenizer_files=made.tokenizer.files(made.lengths["passage"]),
    prompts=made.prefixes,
    max_lengths=made.lengths,
    pad_id=made.tokenizer.pad_id,
    lower_case=made.tokenizer.lower_case,
  )


def test_the_configs_word_counts_and_is_noted(everything, tmp_path, caplog):
  config = model_folders.config(everything, tmp_path)
  config.model.pooling = "mean"
  config.model.projection = 0
  config.data.query_prefix = ""
  config.evaluation.query_length = 20
  config.evaluation.passage_length = 5  # A shorter one contradicts nothing.
  made = model.make(config)
  assert (made.module.pooling, made.module.projection) == ("mean", 0)
  assert made.lengths == {"query": 20, "passage": 5}
  assert [note.split(": ")[0] for note in made.notes] == [
    "model.pooling",
    "model.projection",
    "data.query_prefix",
    "evaluation.query_length",
  ]
  assert "says 'cls', the config 'mean'; the config's is used" in made.notes[0]


def pair_types(folder, tmp_path):
  """Vectors of a pair and of a lone text before and after row 1 changes."""
  found = []
  for change in (False, True):
    if change:
      path = folder / "model.safetensors"
      tensors = safetensors.numpy.load_file(path)
      name = "embeddings.token_type_embeddings.weight"
      noise = np.random.default_rng(1).normal(0, 9, 24).astype(np.float32)
      tensors[name] = tensors[name] + np.stack([0 * noise, noise])
      safetensors.numpy.save_file(tensors, path)
    made, encode = encoder(model_folders.config(folder, tmp_path / "cache"))
    pair = encode(["word 3"], "passage", contexts=["abc 7"])
    found.append((pair, encode(["word 3"], "passage")))
  return made, found


def test_a_berts_second_segment_has_type_one(tmp_path):
  folder = model_folders.make(tmp_path / "model", "bert")
  made, ((pair, lone), (pair_after, lone_after)) = pair_types(folder, tmp_path)
  np.testing.assert_array_equal(lone, lone_after)
  assert np.abs(pair - pair_after).max() > 1e-3
  # What is saved gives the same to who does not know of this.
  saved = tmp_path / "saved"
  saved.mkdir()
  for name, text in made.tokenizer.files(36).items():
    (saved / name).write_text(text)
  told = tokenizer.load(saved, types=2)
  asked = {"contexts": ["abc 7", ""], "prefix": "", "max_length": 12}
  ours = made.tokenizer.encode(["word 3", "abc"], **asked)
  theirs = told.encode(["word 3", "abc"], **asked)
  np.testing.assert_array_equal(ours.ids, theirs.ids)
  np.testing.assert_array_equal(ours.types, theirs.types)
  assert ours.types.any() and not ours.types.all()


@pytest.mark.torch
def test_pairs_are_those_of_torch(tmp_path):
  torch = pytest.importorskip("torch")
  import transformers

  folder = model_folders.make(tmp_path / "model", "bert")
  model_folders.with_types(folder)
  _, encode = encoder(model_folders.config(folder, tmp_path / "cache"))
  texts, contexts = ["word 3", "abc"], ["abc 7", "word " * 30]
  ours = encode(texts, "passage", contexts=contexts)
  theirs = transformers.AutoModel.from_pretrained(folder).eval()
  split = transformers.AutoTokenizer.from_pretrained(folder)
  for vector, text, context in zip(ours, texts, contexts, strict=True):
    fed = split(
      f"passage: {text}",
      context.strip(),
      truncation="longest_first",
      max_length=38,
      return_tensors="pt",
    )
    assert fed["token_type_ids"].any()
    with torch.no_grad():
      mean = theirs(**fed).last_hidden_state[0].mean(0).numpy()
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_pad_token_id_that_is_absent_is_the_classs(tmp_path):
  folder = model_folders.make(tmp_path / "model")
  model_folders.change(folder / "config.json", pad_token_id=None)
  made = model.make(model_folders.config(folder, tmp_path))
  assert made.module.encoder.position_offset == 2


@pytest.mark.parametrize(
  ("file", "change", "said"),
  [
    ("config.json", {"vocab_size": 10}, "gives ids up to .*has 10 rows"),
    (
      "config.json",
      {"pad_token_id": 3},
      "padding token has id 1, but pad_token_id of .* is 3",
    ),
    ("config.json", {"rotary": 4}, "'rotary' is 4"),
    ("tokenizer_config.json", {"truncation_side": "up"}, "truncation_side"),
    ("tokenizer_config.json", {"pad_token": 3}, "pad_token is 3"),
  ],
)
def test_what_does_not_fit_is_refused(tmp_path, file, change, said):
  folder = model_folders.make(tmp_path / "model")
  model_folders.change(folder / file, **change)
  with pytest.raises(faults.Fault, match=said):
    model.make(model_folders.config(folder, tmp_path))


def test_an_id_beyond_the_table_is_refused_though_tokens_are_few(tmp_path):
  folder = model_folders.make(tmp_path / "model")
  config = model_folders.config(folder, tmp_path)
  model.make(config)
  path = folder / "tokenizer.json"
  state = json.loads(path.read_text())
  pieces = [piece for piece, _ in state["model"]["vocab"]]
  ids = {piece: number for number, piece in enumerate(pieces)}
  ids[pieces[-1]] = 90
  state["model"] = {"type": "WordLevel", "unk_token": "<unk>", "vocab": ids}
  path.write_text(json.dumps(state))
  with pytest.raises(faults.Fault, match="gives ids up to 9[01], .* 90 rows"):
    model.make(config)


def test_another_berts_padding_is_its_own_affair(tmp_path):
  """E5-small's config.json says 0, its tokenizer 1; positions ignore both."""
  folder = model_folders.make(tmp_path / "model", "bert")
  made = model.make(model_folders.config(folder, tmp_path))
  assert made.tokenizer.pad_id == 1 and made.module.encoder.max_length == 38
