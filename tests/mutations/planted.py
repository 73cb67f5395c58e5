"""All planted bugs, by name."""

from tests.mutations import (
  data,
  files,
  model_folders,
  models,
  parallel,
  readers,
  retrieval,
  runs,
  training,
)
from tests.mutations.mutation import Mutation

_ROOMS = (
  *(training, parallel, models, model_folders, retrieval, data),
  *(files, readers, runs),
)
ALL: dict[str, Mutation] = {
  mutation.name: mutation for room in _ROOMS for mutation in room.MUTATIONS
}
