"""Every setting with its default; a file in configs/ lists its differences."""

import ml_collections
from ml_collections import config_dict


def get_config() -> ml_collections.ConfigDict:
  """The default config: an E5-style encoder trained with hybrid batches.

  A section's keys are the keyword arguments of the function that it is handed
  to, where its meaning is documented; sections of the verbs are explained
  here.
  """
  config = ml_collections.ConfigDict()
  config.seed = 0
  # Tokens, the embedded corpus and compiled programs are kept here.
  config.cache = "~/.cache/hybridret_jax"

  config.data = ml_collections.ConfigDict()
  config.data.folder = "."  # Relative data paths start here.
  # Files or folders of rows, tfds:NAME, hub:OWNER/NAME, or cldr:, each maybe
  # with options as PATH?lang=de (docs/data.md); queries:SOURCE is a source's
  # parallel queries as translations of one another.
  config.data.sources = ()
  config.data.source_weights = ()  # One a source; empty means 1 each.
  config.data.languages = ("ar", "de", "en", "es", "hi", "ru", "th", "tr", "zh")
  # None is what the model's folder says, else the default of
  # assembly.settled: "query: " and "passage: ", 64 and 256 tokens, special
  # ones included.
  config.data.query_prefix = config_dict.placeholder(str)
  config.data.passage_prefix = config_dict.placeholder(str)
  config.data.query_length = config_dict.placeholder(int)
  config.data.passage_length = config_dict.placeholder(int)

  config.batches = ml_collections.ConfigDict()  # data.composer.Composer
  config.batches.strategy = "hybrid"
  config.batches.batch_size = 64
  config.batches.alpha = 0.5
  config.batches.alpha_end = config_dict.placeholder(float)
  config.batches.alpha_steps = 0
  config.batches.pairs = "per_row"
  config.batches.language_weighting = "uniform"
  config.batches.language_exponent = 1.0
  config.batches.direction_weights = ()
  config.batches.size_exponent = 1.0
  config.batches.views_per_group = 1
  config.batches.negatives = 0
  config.batches.parallel_share = 0.0

  # data.code_switching.Settings
  config.code_switching = ml_collections.ConfigDict()
  config.code_switching.probability = 0.0
  config.code_switching.mode = "bilingual"
  config.code_switching.sides = ("query", "passage")
  config.code_switching.lexicons = ()
  config.code_switching.languages = ()

  config.packing = ml_collections.ConfigDict()  # data.pipeline.plan_layout
  config.packing.row_lengths = (64, 256)
  config.packing.row_counts = ()  # Shapes of one's own: a number a length.
  config.packing.row_multiple = 8
  config.packing.shapes = 7

  config.model = ml_collections.ConfigDict()
  # A Hugging Face folder, a hub id, or "scratch".
  config.model.init = config_dict.placeholder(str)
  # Branch, tag or commit of a hub id; None is its main branch.
  config.model.revision = config_dict.placeholder(str)
  # A tokenizer's folder; empty: the model's own; "train": of the corpus.
  config.model.tokenizer = ""
  config.model.tokenizer_size = 8000  # Of a trained one.
  # None is what the model's folder says, else mean, 0, 0, True and 0.
  config.model.pooling = config_dict.placeholder(str)
  config.model.projection = config_dict.placeholder(int)
  config.model.projection_hidden = config_dict.placeholder(int)
  config.model.tied = config_dict.placeholder(bool)
  # First numbers of a vector that are used; 0 is all.
  config.model.truncate_dim = config_dict.placeholder(int)
  # None keeps what the model's config.json says.
  config.model.dropout = config_dict.placeholder(float)
  config.model.attention_dropout = config_dict.placeholder(float)
  config.model.dtype = "float32"
  config.model.param_dtype = "float32"
  config.model.remat = "dense"  # models.encoder.REMATS
  config.model.attention = "auto"  # models.attention.IMPLEMENTATIONS
  # Share of the start's parameters in what is judged and exported.
  config.model.start_share = 0.0
  # models.encoder.EncoderConfig
  config.model.scratch = ml_collections.ConfigDict()
  config.model.scratch.hidden_size = 128
  config.model.scratch.num_layers = 2
  config.model.scratch.num_heads = 4
  config.model.scratch.mlp_size = 512
  config.model.scratch.max_positions = 128

  config.loss = ml_collections.ConfigDict()  # training.loss.contrastive
  config.loss.temperature = 0.02
  config.loss.learnable_temperature = False
  config.loss.directions = "one_way"
  config.loss.same_group = "mask"
  config.loss.hard_negative_weight = 1.0
  config.loss.alignment_weight = 0.0  # Needs batches.parallel_share.
  config.loss.matryoshka_dims = ()
  config.loss.block_size = 4096

  config.distillation = ml_collections.ConfigDict()
  # Of the distance from targets in what is minimised; 0 is off.
  config.distillation.share = 0.0
  # What the start's vectors of the texts are made into: "own", "centred" or
  # "group" (training.distillation.targets).
  config.distillation.targets = "group"
  config.distillation.group_share = 1.0  # Of the group in "group"; 0: own.

  config.lora = ml_collections.ConfigDict()  # training.lora.Settings
  config.lora.rank = 0  # 0: the encoder itself learns.
  config.lora.alpha = 16.0
  config.lora.dropout = 0.0
  config.lora.targets = ("query", "value")

  config.optimizer = ml_collections.ConfigDict()  # training.optimizer.make
  config.optimizer.name = "adamw"  # training.update_rules.NAMES
  config.optimizer.learning_rate = 3e-5
  config.optimizer.schedule = "linear"
  config.optimizer.warmup_steps = 0
  config.optimizer.final_share = 0.0
  config.optimizer.weight_decay = 1e-2
  config.optimizer.clip_norm = 1.0
  config.optimizer.b1 = 0.9
  config.optimizer.b2 = 0.999
  config.optimizer.eps = 1e-8
  config.optimizer.layer_decay = 1.0  # 1: all layers learn at one rate.
  # Out of embeddings, tokens, layers:N, encoder.
  config.optimizer.frozen = ()

  config.train = ml_collections.ConfigDict()
  config.train.steps = 1000
  # Tokens of a chunk's rows on each device: gradient caching. 0: all at once.
  config.train.chunk_tokens = 0
  config.train.average_decay = 0.0  # Of a moving average that is judged; 0 off.
  config.train.log_every = 10
  config.train.evaluate_every = 250  # Steps; 0 never.
  config.train.checkpoint_every = 250  # Steps; 0 only at evaluations.
  config.train.keep = 2  # Checkpoints, besides the best.
  # Steps whose loss or gradient is no number that may change nothing; 0: none.
  config.train.skip_nonfinite = 0
  config.train.patience = 0  # Evaluations without a better figure; 0 is off.

  config.tracking = ml_collections.ConfigDict()  # reporting.trackers.start
  config.tracking.trackers = ()
  config.tracking.project = "hybridret_jax"
  config.tracking.name = ""

  config.validation = ml_collections.ConfigDict()
  # "held_out", a task as in evaluation.tasks, or empty for none.
  config.validation.task = "held_out"
  # What the best checkpoint and early stopping go by: "mean" of the settings'
  # mAP, or SETTING/METRIC, such as multilingual_pool/map.
  config.validation.figure = "mean"
  config.validation.also = ()  # Tasks that are judged beside it, for the log.
  config.validation.share = 0.02  # Of the blocks.
  config.validation.max_blocks = 100
  config.validation.seed = 0  # The same for every run that is compared.

  config.evaluation = ml_collections.ConfigDict()
  # xquad_r:FOLDER, jsonl:FOLDER, cldr:PART, or a path: BEIR's or MS MARCO's
  # folder, or a source of rows.
  config.evaluation.tasks = ()
  config.evaluation.candidates = "sentence"  # Or "sentence_paragraph".
  # Candidates that are the same to the encoder: "apart" ranks each by itself,
  # "relevant" takes the copies of what is relevant for relevant.
  config.evaluation.identical_candidates = "apart"
  # Whether a query that is a candidate too, with the same id and text, is left
  # out of its own rankings.
  config.evaluation.leave_out_query = False
  # trained, untrained; each also with _means_subtracted or _lir_1, _lir_2, and
  # those with _on_training_texts (else estimated on the task's own texts);
  # or smaller, _256 dimensions, _int8 or _binary candidates, _256_int8.
  config.evaluation.systems = (
    "untrained",
    "untrained_means_subtracted",
    "trained",
    "trained_means_subtracted",
  )
  config.evaluation.depth = 100  # Of the rankings that bias is judged by.
  config.evaluation.run_depth = 20  # Of the TREC run files; 0 for none.
  config.evaluation.examples = 11  # Queries whose candidates are shown.
  config.evaluation.figures = True  # Heatmaps and curves, besides tables.
  # Vectors of trained parameters, in the cache; the start's always are kept.
  config.evaluation.keep_vectors = True
  config.evaluation.training_texts = 500  # A language and side, at most.
  # None is what the model's folder says, else 512.
  config.evaluation.query_length = config_dict.placeholder(int)
  config.evaluation.passage_length = config_dict.placeholder(int)
  config.evaluation.row_lengths = (64, 128, 256, 512)
  # Of all devices; 0 takes what suits the platform (assembly.judging).
  config.evaluation.tokens_per_call = 0

  config.mining = ml_collections.ConfigDict()  # data.mining.Settings
  config.mining.candidates = "same"
  config.mining.number = 8
  config.mining.first_rank = 1
  config.mining.last_rank = 100
  config.mining.share = 0.95
  config.mining.margin = 0.0
  config.mining.near_duplicate = 0.8

  config.mesh = ml_collections.ConfigDict()  # parallel.mesh.make
  config.mesh.data = -1
  config.mesh.fsdp = 1
  config.mesh.tensor = 1

  config.export = ml_collections.ConfigDict()
  config.export.folder = "export"  # In the run's folder.
  # First numbers of a vector that the folder says are used; None: as trained.
  config.export.truncate_dim = config_dict.placeholder(int)
  config.export.adapter = False  # Of lora: a folder for PEFT in it, adapter/.
  config.export.cosine = 0.99999  # Least agreement of the loaded-back model.
  return config.lock()
