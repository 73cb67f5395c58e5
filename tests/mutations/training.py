"""Bugs of the objective, the loss, gradient caching and the step."""

from tests.mutations.mutation import Mutation

_OBJECTIVE = "hybridret_jax/training/objective.py"
_BLOCKS = "hybridret_jax/training/blocks.py"
_CACHE = "hybridret_jax/training/grad_cache.py"
_PLAIN = "tests/training/objective_test.py::test_equals_pair_by_pair[0-layout1]"
_CHUNKED = (
  "tests/training/objective_test.py::test_equals_pair_by_pair[64-layout1]"
)
_CACHED = (
  "tests/training/grad_cache_test.py"
  "::test_equals_the_plain_step_with_dropout_on[{}-3]"
)
_LOSS = "tests/training/loss_test.py::"
_DISTILLED = "tests/training/distillation_test.py::"

MUTATIONS = (
  Mutation(
    name="hard_negatives_in_another_order",
    bug="A query takes hard negatives of others for its own: text k B + i"
    " instead of i K + k.",
    known_from="sentence-transformers #3453",
    file=_OBJECTIVE,
    old='      share["n_cD"] = passages_ND[batch:].reshape(batch, -1)\n',
    new="      n_KBD = passages_ND[batch:].reshape(-1, batch, width)\n"
    '      share["n_cD"] = n_KBD.swapaxes(0, 1).reshape(batch, -1)\n',
    tests=(_PLAIN,),
  ),
  Mutation(
    name="hard_negatives_of_another_query",
    bug="The masks take hard negative c for one of query c mod B.",
    known_from="sentence-transformers #3453",
    file=_BLOCKS,
    old="jax.tree.map(lambda x: jnp.repeat(x, repeats), columns),",
    new="jax.tree.map(lambda x: jnp.tile(x, repeats), columns),",
    tests=(f"{_LOSS}test_hard_negatives_count_by_their_weight[one_way-4.0]",),
  ),
  Mutation(
    name="positives_numbered_in_the_slice",
    bug="After gathering, a query's positive is sought by its number in the"
    " slice.",
    known_from="sentence-transformers #3453",
    file=_OBJECTIVE,
    old='own["index_b"] = self.slices.own_share(index_B)\n',
    new='size = own["q_bD"].shape[0]\n'
    '    own["index_b"] = self.slices.varying(index_B[:size])\n',
    tests=(_PLAIN,),
  ),
  Mutation(
    name="pool_of_a_slice",
    bug="A query is compared with the passages of its own slice only.",
    known_from="t5x_retrieval, for micro-batches",
    file=_OBJECTIVE,
    old="gather=self.slices.gather,",
    new="gather=lambda x: x,",
    tests=(_PLAIN,),
  ),
  Mutation(
    name="pool_of_a_chunk",
    bug="With gradient caching only the last chunk's texts have vectors.",
    known_from="t5x_retrieval",
    file=_CACHE,
    old='return z_ND.at[text_S].set(z_SD, mode="drop"), None',
    new='return (0 * z_ND).at[text_S].set(z_SD, mode="drop"), None',
    tests=(_CHUNKED,),
  ),
  Mutation(
    name="pool_of_a_block",
    bug="Passages beyond the first block of scores are left out.",
    known_from="",
    file=_BLOCKS,
    old="    if count == 1:\n      return body(carry, y_ND, columns)\n",
    new="    if count:\n"
    "      first = jax.tree.map(lambda x: x[:size], (y_ND, columns))\n"
    "      return body(carry, *first)\n",
    tests=(f"{_LOSS}test_equals_the_reference[4-0-one_way-mask]",),
  ),
  Mutation(
    name="remainder_counted_twice",
    bug="The columns that fill the last block up count as passages.",
    known_from="",
    file=_BLOCKS,
    old="return body(carry, y_WD, _only(column, real_W)), None",
    new="return body(carry, y_WD, column), None",
    tests=(f"{_LOSS}test_equals_the_reference[4-0-one_way-mask]",),
  ),
  Mutation(
    name="translations_masked_in_the_slice",
    bug="Translations of a positive count as negatives where they lie in"
    " another slice.",
    known_from="sentence-transformers #3189",
    file=_OBJECTIVE,
    old='        own[f"{name}_b"] = share_b\n',
    new='        own[f"{name}_b"] = share_b + 1000 * self.slices.index()\n',
    tests=(_PLAIN,),
  ),
  Mutation(
    name="hard_negatives_of_the_own_group",
    bug="A hard negative that is a passage of a query's group counts as its"
    " negative.",
    known_from="",
    file=_BLOCKS,
    old="kept_bW = column.valid_b[None, :] & ~same_bW",
    new="kept_bW = column.valid_b[None, :] & (same_bW | True)",
    tests=(
      f"{_LOSS}test_what_is_known_of_texts_is_left_out[one_way-mask]",
      _CHUNKED,
    ),
  ),
  Mutation(
    name="targets_of_other_pairs",
    bug="Pairs of the second slice on are drawn to the first slice's targets.",
    known_from="",
    file=_OBJECTIVE,
    old="          self.slices.own_share(_pad(drawn_to[name], extra)) for",
    new="          self.slices.varying(drawn_to[name][: len(vectors.q_bD)])"
    " for",
    tests=(
      f"{_DISTILLED}test_the_objective_mixes_the_distance_in[16-layout1]",
    ),
  ),
  Mutation(
    name="targets_by_language_only",
    bug="The mean of a group is that of its neighbours in the file.",
    known_from="",
    file="hybridret_jax/training/distillation.py",
    old="  np.add.at(sum_GD, place_R, own_RD)\n",
    new="  np.add.at(sum_GD, np.sort(place_R), own_RD)\n",
    tests=(
      f"{_DISTILLED}test_translations_have_one_target_as_far_out"
      "_as_a_single_text",
    ),
  ),
  Mutation(
    name="adapters_merged_without_their_scale",
    bug="What adapters add counts once, whatever alpha and rank are.",
    known_from="",
    file="hybridret_jax/training/lora.py",
    old="      return node.astype(change.dtype) + settings.scale * change\n",
    new="      return node.astype(change.dtype) + change\n",
    tests=(
      "tests/training/lora_test.py::test_what_is_added_is_the_scaled_product",
    ),
  ),
  Mutation(
    name="adapter_in_its_neighbours_place",
    bug="In a packed tensor the adapter of the query stands where the value's"
    " is.",
    known_from="",
    file="hybridret_jax/models/adapter_folder.py",
    old="    rows = slice(own.part * width, (own.part + 1) * width)\n",
    new="    rows = slice(number * width, (number + 1) * width)\n",
    tests=(
      "tests/models/adapter_folder_test.py::test_what_is_written_is_what_is"
      "_merged",
    ),
  ),
  Mutation(
    name="temperature_ignored",
    bug="The loss is computed at a temperature of 1.",
    known_from="Tevatron's gradient caching",
    file=_OBJECTIVE,
    old="temperature=tau,",
    new="temperature=1.0,",
    tests=(_CHUNKED,),
  ),
  Mutation(
    name="learnt_temperature_ignored",
    bug="A temperature that is learnt is not the one that is used.",
    known_from="Tevatron's gradient caching",
    file=_OBJECTIVE,
    old="temperature=tau,",
    new="temperature=self.temperature,",
    tests=(_CACHED.format("0.1"),),
  ),
  Mutation(
    name="chunks_without_gradient",
    bug="Of all chunks' gradients the last one's remains.",
    known_from="sentence-transformers #3862",
    file=_CACHE,
    old="return (dtable_VD, jax.tree.map(jnp.add, drest, more)), None",
    new="return (dtable_VD, more), None",
    tests=(_CACHED.format("None"),),
  ),
  Mutation(
    name="gradient_of_another_text",
    bug="The second pass is handed the gradient of another text's vector.",
    known_from="sentence-transformers #3862",
    file=_CACHE,
    old="dz_SD = dz_ND.at[text_S].get(",
    new="dz_SD = jnp.roll(dz_ND, 1, axis=0).at[text_S].get(",
    tests=(_CACHED.format("None"),),
  ),
  Mutation(
    name="another_mask_in_the_second_pass",
    bug="The second pass drops other units than the first.",
    known_from="sentence-transformers #3862",
    file=_CACHE,
    old="return apply(rest, x_TD, numbered, key, text_S.shape[0])",
    new="again_key = jax.random.fold_in(key, 1)\n"
    "      return apply(rest, x_TD, numbered, again_key, text_S.shape[0])",
    tests=(_CACHED.format("None"),),
  ),
  Mutation(
    name="mask_by_place_in_the_chunk",
    bug="Dropout follows from a row's place in its chunk, so that chunks share"
    " masks.",
    known_from="",
    file=_CACHE,
    old="numbered.append((ids_RL, segments_RL, positions_RL, slot_RL, row_R))",
    new="numbered.append(\n"
    "      (ids_RL, segments_RL, positions_RL, slot_RL, jnp.arange(rows))\n"
    "    )",
    tests=(_CACHED.format("None"),),
  ),
  Mutation(
    name="table_gradient_in_bfloat16",
    bug="The gradient of the token table adds up in bfloat16.",
    known_from="",
    file="hybridret_jax/assembly/train_step.py",
    old="return apply(rest, table_VD[ids_T], rows, key, num_texts)",
    new="low_VD = table_VD.astype(module.encoder.dtype)\n"
    "    return apply(rest, low_VD[ids_T], rows, key, num_texts)",
    tests=(
      "tests/assembly/train_step_test.py"
      "::test_a_frequent_tokens_gradient_adds_up_in_float32[0]",
    ),
  ),
  Mutation(
    name="chunks_add_up_in_bfloat16",
    bug="The chunks' gradients of the token table add up in bfloat16.",
    known_from="",
    file=_CACHE,
    old="dtable_VD = dtable_VD.at[ids_T].add(dx_TD.astype(dtable_VD.dtype))",
    new="low_VD = dtable_VD.astype(jnp.bfloat16)\n"
    "    low_VD = low_VD.at[ids_T].add(dx_TD.astype(jnp.bfloat16))\n"
    "    dtable_VD = low_VD.astype(dtable_VD.dtype)",
    tests=(
      "tests/assembly/train_step_test.py"
      "::test_a_frequent_tokens_gradient_adds_up_in_float32[64]",
    ),
  ),
  Mutation(
    name="gradients_averaged_again",
    bug="The step divides gradients of the mean loss by the number of slices.",
    known_from="",
    file="hybridret_jax/training/step.py",
    old="  updates, opt_state = tx.update(",
    new="  slices = objective.slices.count\n"
    "  grads = jax.tree.map(lambda x: x / slices, grads)\n"
    "  updates, opt_state = tx.update(",
    tests=(
      "tests/training/objective_test.py"
      "::test_a_steps_figures_are_those_of_one_device",
    ),
  ),
  Mutation(
    name="skipped_step_moves_the_moments",
    bug="A step that is no number and is skipped leaves NaN in the state.",
    known_from="",
    file="hybridret_jax/training/step.py",
    old="      lambda new, old: jnp.where(is_whole, new, old), next_state,",
    new="      lambda new, old: new, next_state,",
    tests=(
      "tests/verbs/replay_test.py"
      "::test_a_bad_step_is_skipped_and_changes_nothing",
    ),
  ),
)
