"""What a sentence-transformers folder says, and what it may not say."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybridret_jax.ground import faults
from hybridret_jax.models import stated

KIND = "sentence_transformers.models."
TANH = "torch.nn.modules.activation.Tanh"
IDENTITY = "torch.nn.modules.linear.Identity"
CLS = {
  "word_embedding_dimension": 24,
  "pooling_mode_cls_token": True,
  "pooling_mode_mean_tokens": False,
}


def write(folder, name, value):
  path = folder / name
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(value))


def dense(width, activation=IDENTITY, **more):
  return {
    "in_features": 24,
    "out_features": width,
    "bias": True,
    "activation_function": activation,
    **more,
  }


def made(folder, *kinds, **configs):
  """A folder of modules; configs by the name of their module's folder."""
  write(folder, "config.json", {"model_type": "bert", "hidden_size": 24})
  kinds = kinds or ("Transformer", "Pooling")
  names = [f"{i}_{kind}" if i else "" for i, kind in enumerate(kinds)]
  modules = [
    {"idx": i, "name": str(i), "path": name, "type": KIND + kind}
    for i, (kind, name) in enumerate(zip(kinds, names, strict=True))
  ]
  write(folder, "modules.json", modules)
  for name in names[1:]:
    kind = name.split("_")[1]
    if kind in configs:
      value = configs[kind]
      value = value.pop(0) if isinstance(value, list) else value
      write(folder, f"{name}/config.json", value)
  return folder


def test_a_bare_folder_says_nothing(tmp_path):
  write(tmp_path, "config.json", {"model_type": "bert"})
  assert stated.read(tmp_path) == stated.Stated()


def test_everything_is_read(tmp_path):
  kinds = ("Transformer", "Pooling", "Dense", "Dense", "Normalize")
  folder = made(
    tmp_path, *kinds, Pooling=CLS, Dense=[dense(24, TANH), dense(8, bias=False)]
  )
  write(
    folder,
    "sentence_bert_config.json",
    {"max_seq_length": 128, "do_lower_case": True, "query_length": 32},
  )
  write(
    folder,
    "config_sentence_transformers.json",
    {
      "prompts": {"query": "Q: ", "document": "P: ", "passage": "no"},
      "default_prompt_name": None,
      "similarity_fn_name": "dot",
    },
  )
  assert stated.read(folder) == stated.Stated(
    pooling="cls_dense_tanh",
    projection=8,
    projection_hidden=0,
    prefixes={"query": "Q: ", "passage": "P: "},
    lengths={"query": 32, "passage": 128},
    lower_case=True,
    modules=True,
    tanh=stated.Dense(folder / "2_Dense", 24, True),
    linear=stated.Dense(folder / "3_Dense", 8, False),
  )


@pytest.mark.parametrize(
  ("config", "pooling"),
  [
    (CLS, "cls"),
    ({"pooling_mode_mean_tokens": True}, "mean"),
    ({}, "mean"),
    ({"pooling_mode": "cls", "embedding_dimension": 24}, "cls"),
    ({"pooling_mode": ["mean"], "include_prompt": True}, "mean"),
    ({"pooling_mode_lasttoken": True}, "last"),
  ],
)
def test_poolings_of_all_versions(tmp_path, config, pooling):
  said = stated.read(made(tmp_path, Pooling=config))
  assert (said.pooling, said.projection, said.tied) == (pooling, 0, None)


@pytest.mark.parametrize(
  ("config", "prefixes"),
  [
    ({}, None),
    ({"prompts": {}}, None),
    ({"prompts": {"clustering": "c: "}}, None),
    ({"prompts": {"query": "q: "}}, ("q: ", "")),
    ({"prompts": {"corpus": "p: "}}, ("", "p: ")),
    ({"prompts": {"query": "", "document": ""}}, ("", "")),
    (
      {"prompts": {"q": "x: "}, "default_prompt_name": "q"},
      ("x: ", "x: "),
    ),
  ],
)
def test_prompts_are_found_as_by_the_library(tmp_path, config, prefixes):
  folder = made(tmp_path, Pooling=CLS)
  write(folder, "config_sentence_transformers.json", config)
  found = stated.read(folder).prefixes
  assert found == (prefixes and dict(zip(stated.SIDES, prefixes, strict=True)))


def test_without_modules_the_tokenizers_length_counts(tmp_path):
  write(tmp_path, "config.json", {"model_type": "bert"})
  for most, found in ((128, 128), (10**30, None), (1e30, None)):
    write(tmp_path, "tokenizer_config.json", {"model_max_length": most})
    assert stated.read(tmp_path).lengths == dict.fromkeys(stated.SIDES, found)


@pytest.mark.parametrize(
  ("pooling", "said"),
  [
    ({"pooling_mode_max_tokens": True}, r"pooling_mode is \['max'\]"),
    ({"pooling_mode_weightedmean_tokens": True}, "weightedmean"),
    ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len"),
    ({**CLS, "pooling_mode_mean_tokens": True}, r"\['cls', 'mean'\]"),
    ({"pooling_mode": "max"}, "max"),
    ({"pooling_mode": 3}, "pooling_mode is 3"),
    ({**CLS, "include_prompt": False}, "include_prompt False"),
    ({**CLS, "word_embedding_dimension": 32}, "word_embedding_dimension 32"),
    ({**CLS, "layers": 3}, "'layers' is 3"),
    ({"pooling_mode_cls_token": "yes"}, "pooling_mode_cls_token is 'yes'"),
  ],
)
def test_other_poolings_are_refused(tmp_path, pooling, said):
  with pytest.raises(faults.Fault, match=rf"1_Pooling/config.json: .*{said}"):
    stated.read(made(tmp_path, Pooling=pooling))


@pytest.mark.parametrize(
  ("layers", "said"),
  [
    ([dense(8, "torch.nn.modules.activation.ReLU")], "ReLU' is not supported"),
    ([dense(8, TANH)], "Tanh goes with the first token"),
    ([dense(24), dense(24, TANH)], "is one dense layer too many"),
    ([dense(24, TANH), dense(24, TANH)], "is one dense layer too many"),
    ([dense(24), dense(24), dense(24)], "is one dense layer too many"),
    ([dense(8, in_features=12)], "in_features 12 is not supported"),
    ([dense(0)], "out_features is 0"),
    ([dense(8, use_residual=True)], "use_residual True"),
    ([dense(8, module_input_name="token_embeddings")], "module_input_name"),
    ([dense(8, scale=2)], "'scale' is 2"),
  ],
)
def test_other_dense_layers_are_refused(tmp_path, layers, said):
  kinds = ("Transformer", "Pooling", *["Dense"] * len(layers))
  folder = made(tmp_path, *kinds, Pooling=CLS, Dense=layers)
  with pytest.raises(faults.Fault, match=rf"_Dense/config.json: .*{said}"):
    stated.read(folder)


@pytest.mark.parametrize(
  "kinds",
  [
    ("Transformer",),
    ("Transformer", "Pooling", "LayerNorm"),
    ("Transformer", "Pooling", "Normalize", "Dense"),
    ("Router", "Pooling"),
    ("WordEmbeddings", "Pooling"),
    ("Transformer", "Pooling", "Dense", "Dense", "Dense", "Dense"),
    ("Transformer", "Dense", "Pooling"),
  ],
)
def test_other_modules_are_refused(tmp_path, kinds):
  folder = made(tmp_path, *kinds, Pooling=CLS)
  with pytest.raises(faults.Fault, match="modules.json: modules are .*; this"):
    stated.read(folder)


@pytest.mark.parametrize(
  ("change", "said"),
  [
    ({"type": "custom_st.Transformer"}, "module 0 is .*custom_st"),
    ({"idx": 5}, "module 0 is"),
    ({"kwargs": ["task"]}, "module 0 is"),
    ({"path": "../x"}, "module 0 is"),
    ({"path": "0_Transformer"}, "the Transformer lies in 0_Transformer/"),
    ({"type": 3}, "type is 3"),
  ],
)
def test_a_strange_module_is_refused(tmp_path, change, said):
  folder = made(tmp_path, Pooling=CLS)
  modules = json.loads((folder / "modules.json").read_text())
  modules[0] |= change
  write(folder, "modules.json", modules)
  with pytest.raises(faults.Fault, match=f"modules.json: .*{said}"):
    stated.read(folder)


@pytest.mark.parametrize(
  ("file", "value", "said"),
  [
    ("sentence_bert_config.json", {"max_seq_length": "x"}, "max_seq_length"),
    (
      "sentence_bert_config.json",
      {"max_seq_length": 513},
      "is 513, but the model has positions for 512 tokens; set it to 512",
    ),
    ("sentence_bert_config.json", {"do_lower_case": 1}, "do_lower_case is 1"),
    ("sentence_bert_config.json", {"query_expansion": {"a": 1}}, "query_expan"),
    (
      "sentence_bert_config.json",
      {"transformer_task": "fill-mask"},
      "transformer_task",
    ),
    ("config_sentence_transformers.json", {"prompts": []}, "prompts is"),
    (
      "config_sentence_transformers.json",
      {"prompts": {"query": 3}},
      "query is 3",
    ),
    (
      "config_sentence_transformers.json",
      {"default_prompt_name": "x"},
      "default_prompt_name 'x' is none of prompts",
    ),
    (
      "config_sentence_transformers.json",
      {"similarity_fn_name": "dot"},
      "similarity_fn_name is 'dot' of vectors of any length",
    ),
    (
      "config_sentence_transformers.json",
      {"similarity_fn_name": "manhattan"},
      "similarity_fn_name 'manhattan' is not supported",
    ),
    ("modules.json", {}, "holds no list of modules"),
    ("modules.json", [3], "holds no list of modules"),
  ],
)
def test_a_wrong_statement_is_named(tmp_path, file, value, said):
  folder = made(tmp_path, Pooling=CLS)
  write(folder, file, value)
  with pytest.raises(faults.Fault, match=rf"{file}: .*{said}"):
    stated.read(folder)


def test_modules_without_their_list_are_refused(tmp_path):
  folder = made(tmp_path, Pooling=CLS)
  (folder / "modules.json").unlink()
  with pytest.raises(faults.Fault, match="modules.json: is missing, though"):
    stated.read(folder)


def test_two_linear_layers_are_a_projection_and_one_before_it(tmp_path):
  kinds = ("Transformer", "Pooling", "Dense", "Dense", "Normalize")
  layers = [dense(96, bias=False), dense(24, in_features=96, bias=False)]
  said = stated.read(made(tmp_path, *kinds, Pooling={}, Dense=layers))
  assert (said.projection, said.projection_hidden) == (24, 96)
  assert said.hidden == stated.Dense(tmp_path / "2_Dense", 96, False)
  assert said.linear == stated.Dense(tmp_path / "3_Dense", 24, False)


def test_two_towers_are_one_model(tmp_path):
  for side, prompt in (("query", "q: "), ("passage", "p: ")):
    folder = made(tmp_path / side, Pooling=CLS)
    write(
      folder,
      "config_sentence_transformers.json",
      {"prompts": {"query": prompt, "passage": prompt}},
    )
  said = stated.read(tmp_path)
  assert (said.tied, said.pooling) == (False, "cls")
  assert said.prefixes == {"query": "q: ", "passage": "p: "}
  assert set(stated.towers(tmp_path)) == set(stated.SIDES)
  made(tmp_path / "passage", Pooling={})
  with pytest.raises(faults.Fault, match="says pooling 'cls', .* 'mean'"):
    stated.read(tmp_path)


ANY = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=9), inner, max_size=3)
  ),
  max_leaves=6,
)
FILES = {
  "config.json": {"model_type": "bert", "hidden_size": 24},
  "modules.json": None,
  "1_Pooling/config.json": CLS,
  "2_Dense/config.json": dense(8),
  "sentence_bert_config.json": {"max_seq_length": 12, "modality_config": {}},
  "config_sentence_transformers.json": {
    "prompts": {"query": "q"},
    "default_prompt_name": "query",
    "similarity_fn_name": "cosine",
  },
  "tokenizer_config.json": {"model_max_length": 12},
}


@given(st.data())
@settings(
  max_examples=300,
  deadline=None,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_json_is_read_or_refused(tmp_path, data):
  """Whatever stands there, nothing ends in an error of the program."""
  kinds = ("Transformer", "Pooling", "Dense")
  made(tmp_path, *kinds, Pooling=CLS, Dense=dense(8))
  for name, value in FILES.items():
    if value is not None:
      write(tmp_path, name, value)
  file = data.draw(st.sampled_from(sorted(FILES)))
  value = json.loads((tmp_path / file).read_text())
  inside = copy.deepcopy(value[1] if isinstance(value, list) else value)
  key = data.draw(st.sampled_from([*inside, "another"]))
  inside[key] = data.draw(ANY)
  changed = (
    [value[0], inside, *value[2:]] if isinstance(value, list) else inside
  )
  changed = data.draw(st.one_of(st.just(changed), ANY))
  write(tmp_path, file, changed)
  try:
    stated.read(tmp_path)
  except faults.Fault as error:
    assert str(tmp_path) in error.place


@pytest.mark.parametrize(
  ("name", "is_one"),
  [
    ("intfloat/multilingual-e5-small", True),
    ("/models/e5-large-v2", True),
    ("intfloat/multilingual-e5-large-instruct", False),
    ("BAAI/bge-m3", False),
    ("mine/e5-smaller", False),
  ],
)
def test_e5s_are_known_by_name(name, is_one):
  assert stated.is_e5(name) == is_one
