"""The flags of the command line, and what each of them is for."""

from absl import flags
from ml_collections import config_flags

from hybridret_jax import command_line

CONFIG = config_flags.DEFINE_config_file(
  "config",
  None,
  "The name of a shipped config, or a file with get_config(), whose settings"
  " --config.a.b=… change. Without it a run that is there is judged, exported"
  " and searched with its own.",
)
WORKDIR = flags.DEFINE_string(
  "workdir", None, "Folder of the run: checkpoints, metrics, results, export."
)
MODE = flags.DEFINE_enum(
  "mode",
  None,
  [name for name in command_line.VERBS if name != command_line.RUN],
  "The verb.",
)
DRY_RUN = flags.DEFINE_bool(
  "dry_run",
  False,
  "Checks everything, says what would be done, and leaves no file (a study"
  " prepares its data and lists its cells; the cache may be written).",
)
CELL = flags.DEFINE_string(
  "cell",
  "",
  "This cell alone: its key, name or index, or next for one that waits.",
)
SHARD = flags.DEFINE_string(
  "shard", "", "I/N: cells whose index is I modulo N only."
)
REPORT_ONLY = flags.DEFINE_bool(
  "report_only", False, "Reports on the cells that are finished."
)
JOIN = flags.DEFINE_list(
  "join",
  [],
  "Folders of reports of other parts of a study, which --report_only joins with"
  " its own.",
)
RUNS = flags.DEFINE_list("runs", [], "Folders of the runs, with commas.")
BASELINE = flags.DEFINE_string(
  "baseline", None, 'System that others are compared with: "RUN: SYSTEM".'
)
TOPOLOGY = flags.DEFINE_string(
  "topology", None, "A TPU slice as v5e:4x4, or cpu:N."
)
SEARCH = flags.DEFINE_enum(
  "search",
  None,
  ["chunk", "batch"],
  "Looks for the largest train.chunk_tokens or batch that fits.",
)
MEAN_TOKENS = flags.DEFINE_list(
  "mean_tokens",
  [],
  "QUERY,PASSAGE: tokens that are assumed of them on average; by default the"
  " lengths that they are cut at.",
)
SHORTEST = flags.DEFINE_integer(
  "shortest_text", 5, "Tokens that are assumed of the shortest text."
)
VECTORS = flags.DEFINE_list(
  "vectors",
  [],
  "NAME:FOLDER, …: vectors of other models (queries.npy and candidates.npy of"
  " each task), judged beside the systems of the config, or alone where it has"
  " no model.init; or of the rows that are mined.",
)
NORMALIZE = flags.DEFINE_bool(
  "normalize", False, "Divides the vectors of --vectors by their lengths."
)
UTILISATION = flags.DEFINE_float(
  "utilisation", 0.4, "Share of the peak at which pairs/s are bounded."
)
MODEL = flags.DEFINE_string(
  "model", None, "What encodes: a run, a model's folder, or a hub id."
)
CORPUS = flags.DEFINE_string(
  "corpus", None, "A .jsonl(.gz) or .parquet file, or BEIR's folder."
)
LANGUAGES = flags.DEFINE_list(
  "languages",
  [],
  "Whose records of the corpus are read, by their field lang; by default all.",
)
STEPS = flags.DEFINE_string(
  "steps", None, "FIRST:LAST, the steps that are audited; all by default."
)
BUNDLE = flags.DEFINE_integer(
  "bundle",
  None,
  "The step whose bundle is replayed; by default the last that has one.",
)
PUSH = flags.DEFINE_string(
  "push",
  None,
  "USER/NAME: uploads the export to the Hugging Face hub, private where it is"
  " made; --dry_run lists what would be.",
)
INDEX = flags.DEFINE_list(
  "index",
  [],
  "What else is written: npy (one file of all vectors), faiss, usearch, each"
  " index with its recall.",
)
TIME_LIMIT = flags.DEFINE_float(
  "time_limit",
  None,
  "Minutes after which the run saves, leaves with status 143, and waits to be"
  " started again; it begins to a minute before.",
  lower_bound=0,
)
SIDE = flags.DEFINE_enum(
  "side", "passage", ["passage", "query"], "Whose prefix and length texts get."
)
DTYPE = flags.DEFINE_enum(
  "dtype", "float32", ["float32", "float16"], "Of the files of a store."
)
