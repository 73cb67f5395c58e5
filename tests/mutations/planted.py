"""All planted bugs, by name."""

from tests.mutations import (
  data,
  model_folders,
  models,
  parallel,
  retrieval,
  training,
)
from tests.mutations.mutation import Mutation

ALL: dict[str, Mutation] = {
  mutation.name: mutation
  for room in (training, parallel, models, model_folders, retrieval, data)
  for mutation in room.MUTATIONS
}
