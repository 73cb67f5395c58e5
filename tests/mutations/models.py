"""Bugs of the encoder, its pooling and its weights on disk."""

from tests.mutations.mutation import Mutation

MUTATIONS = (
  Mutation(
    name="table_cut_at_its_end",
    bug="A cut vocabulary gets the first rows of the table, not its own.",
    known_from="",
    file="hybridret_jax/retriever.py",
    old="cut[: len(kept)] = table[kept]",
    new="cut[: len(kept)] = table[: len(kept)]",
    tests=("tests/verbs/trim_test.py::test_the_vectors_are_the_same",),
  ),
  Mutation(
    name="last_token_pooled",
    bug="A text's vector is its last token's state, whatever was trained.",
    known_from="Tevatron's JAX encoder",
    file="hybridret_jax/models/dual_encoder.py",
    old='if self.pooling == "last":',
    new="if self.pooling:",
    tests=("tests/models/parity_test.py::test_tiny_models_equal_torch[bert]",),
  ),
  Mutation(
    name="mask_by_place_on_the_device",
    bug="Dropout follows from a row's place on its device, so that devices"
    " share masks.",
    known_from="",
    file="hybridret_jax/models/layers.py",
    old="return jnp.where(jax.vmap(keep)(row_R), x_RLD * scale, 0)",
    new="place_R = jnp.arange(len(row_R))\n"
    "  return jnp.where(jax.vmap(keep)(place_R), x_RLD * scale, 0)",
    tests=(
      "tests/models/encoder_test.py::test_dropout_keeps_its_share_and_its_rows",
    ),
  ),
  Mutation(
    name="square_kernels_untransposed",
    bug="Exported kernels of attention load everywhere and mean nothing.",
    known_from="transformers #12506, #12554",
    file="hybridret_jax/models/weights.py",
    old="np.ascontiguousarray(x.T if kernel else x)",
    new="np.ascontiguousarray(\n"
    "            x.T if kernel and x.shape[0] != x.shape[1] else x\n"
    "          )",
    tests=(
      "tests/models/huggingface_test.py"
      "::test_tensors_survive_the_way_there_and_back[bert]",
    ),
  ),
  Mutation(
    name="heads_kernel_untransposed",
    bug="The exported dense layer of LaBSE's head loads and means nothing.",
    known_from="transformers #12506, #12554",
    file="hybridret_jax/models/folder.py",
    old='"linear.weight": np.ascontiguousarray(kernel.T),',
    new='"linear.weight": np.ascontiguousarray(kernel),',
    tests=(
      "tests/models/huggingface_test.py"
      "::test_a_written_folder_reads_back[cls_dense_tanh-0-0-True]",
    ),
  ),
  Mutation(
    name="window_over_the_neighbours_text",
    bug="A window at a text's end looks into the next text of the row.",
    known_from="",
    file="hybridret_jax/models/windows.py",
    old="  return same_RLM & near_LM[(None,) * (same_RLM.ndim - 2)]\n",
    new="  return same_RLM | near_LM[(None,) * (same_RLM.ndim - 2)]\n",
    tests=(
      "tests/models/encoder_test.py"
      "::test_windows_and_rotations_stay_inside_a_text[modernbert]",
    ),
  ),
  Mutation(
    name="half_a_window_less_one",
    bug="A window of 128 tokens sees 63 to either side.",
    known_from="",
    file="hybridret_jax/models/encoders/modernbert.py",
    old="    window=local // 2,\n",
    new="    window=local // 2 - 1,\n",
    tests=(
      "tests/models/parity_test.py::test_tiny_models_equal_torch[modernbert]",
    ),
  ),
  Mutation(
    name="gate_for_input",
    bug="A gated MLP takes the activation of its gate's half.",
    known_from="",
    file="hybridret_jax/models/encoders/modernbert.py",
    old="(layers.gelu(in_TF) * gate_TF)",
    new="(layers.gelu(gate_TF) * in_TF)",
    tests=(
      "tests/models/parity_test.py::test_tiny_models_equal_torch[modernbert]",
    ),
  ),
  Mutation(
    name="reflected_for_rotated",
    bug="Rotary positions mirror pairs of units instead of turning them.",
    known_from="",
    file="hybridret_jax/models/layers.py",
    old="second_THK * cos_T1K + first_THK * sin_T1K,",
    new="second_THK * cos_T1K - first_THK * sin_T1K,",
    tests=(
      "tests/models/parity_test.py::test_tiny_models_equal_torch[modernbert]",
    ),
  ),
  Mutation(
    name="first_token_for_the_last",
    bug="A decoder's vector is the state of its first token, which sees none.",
    known_from="",
    file="hybridret_jax/models/dual_encoder.py",
    old='      if self.pooling.startswith("cls"):\n',
    new='      if self.pooling != "mean":\n',
    tests=("tests/models/parity_test.py::test_tiny_models_equal_torch[qwen3]",),
  ),
  Mutation(
    name="looks_ahead",
    bug="A decoder that is used as an encoder sees what comes after a token.",
    known_from="",
    file="hybridret_jax/models/encoders/qwen3.py",
    old="Kind(causal=True, theta=self.theta)",
    new="Kind(causal=False, theta=self.theta)",
    tests=("tests/models/parity_test.py::test_tiny_models_equal_torch[qwen3]",),
  ),
  Mutation(
    name="heads_shared_in_turn",
    bug="Heads of queries share those of keys in turn, not side by side.",
    known_from="",
    file="hybridret_jax/models/layers.py",
    old="jnp.repeat(x_RGLK, times, axis=1)",
    new="jnp.tile(x_RGLK, (1, times, 1, 1))",
    tests=("tests/models/parity_test.py::test_tiny_models_equal_torch[qwen3]",),
  ),
  Mutation(
    name="positions_unscaled",
    bug="A model whose rotary positions are scaled turns as if they were not.",
    known_from="",
    file="hybridret_jax/models/encoders/gte.py",
    old="super().frequencies(config, theta * self.scaling)",
    new="super().frequencies(config, theta)",
    tests=("tests/models/parity_test.py::test_tiny_models_equal_torch[gte]",),
  ),
  Mutation(
    name="scores_by_the_heads_root",
    bug="Scores are divided by the root of a head's units, whatever is said.",
    known_from="",
    file="hybridret_jax/models/encoders/gemma3.py",
    old="scale=(made.size / made.scalar) ** 0.5,",
    new="scale=1.0,",
    tests=(
      "tests/models/parity_test.py::test_tiny_models_equal_torch[gemma3]",
    ),
  ),
)
