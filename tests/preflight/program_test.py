"""Collectives read from HLO text: made up, and of a compiled program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from hybridret_jax.parallel import collectives
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.preflight import program

# As TPU and CPU compilers write them, cut down to what is read.
PROGRAM = """\
HloModule jit_f, is_scheduled=true, num_partitions=8

FileNames
1 "a.py"

FunctionNames
1 "outer"
2 "Slices.gather"

FileLocations
1 {file_name_id=1 function_name_id=1 line=1}
2 {file_name_id=1 function_name_id=2 line=2}

StackFrames
1 {file_location_id=1 parent_frame_id=1}
2 {file_location_id=2 parent_frame_id=2}

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%inner_condition (p: (s32[], f32[16,2])) -> pred[] {
  %limit = s32[]{:T(128)} constant(5)
  %p = (s32[], f32[16,2]) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%p), index=0
  ROOT %lt = pred[]{:T(512)} compare(%i, %limit), direction=LT
}

%inner_body (p.1: (s32[], f32[16,2])) -> (s32[], f32[16,2]) {
  %p.1 = (s32[]{:T(128)}, f32[16,2]{1,0:T(8,128)S(1)}) parameter(0)
  %i.1 = s32[]{:T(128)} get-tuple-element(%p.1), index=0
  %x.1 = f32[16,2]{1,0:T(8,128)S(1)} get-tuple-element(%p.1), index=1
  %sum.1 = f32[16,2]{1,0} all-reduce(%x.1), channel_id=1, \
replica_groups=[2,4]<=[8], to_apply=%add
  ROOT %out.1 = (s32[], f32[16,2]) tuple(%i.1, %sum.1)
}

%outer_body (p.2: (s32[], f32[16,2])) -> (s32[], f32[16,2]) {
  %p.2 = (s32[], f32[16,2]{1,0}) parameter(0)
  ROOT %while.2 = (s32[], f32[16,2]) while(%p.2), \
condition=%inner_condition, body=%inner_body
}

%all-reduce-scatter (input: bf16[64,2]) -> bf16[8,2] {
  %input = bf16[64,2]{1,0} parameter(0)
  %all-reduce.3 = bf16[64,2]{1,0} all-reduce(%input), \
replica_groups=mesh['x'=2,'y'=4] {'x','y'}, to_apply=%add
  %at = s32[] constant(0)
  ROOT %share = bf16[8,2]{1,0} dynamic-slice(%all-reduce.3, %at, %at)
}

%first_part (q: f32[4]) -> (f32[4], f32[32]) {
  %q = f32[4] parameter(0)
  %all-gather.4 = f32[32]{0} all-gather(%q), dimensions={0}, \
frontend_attributes={chain_id="0"}, metadata={stack_frame_id=2}
  ROOT %start = (f32[4], f32[32]) custom-call(%all-gather.4), \
custom_call_target="AsyncCollectiveStart"
}

%next_part (r: f32[4]) -> f32[32] {
  %r = f32[4] parameter(0)
  ROOT %all-gather.5 = f32[32]{0} all-gather(%r), dimensions={0}, \
frontend_attributes={chain_id="0"}, metadata={stack_frame_id=2}
}

ENTRY %main (x: f32[16,2], y: bf16[64,2], z: f32[4]) -> f32[16,2] {
  %x = f32[16,2]{1,0} parameter(0)
  %y = bf16[64,2]{1,0} parameter(1)
  %z = f32[4]{0} parameter(2)
  %zero = s32[] constant(0)
  %in = (s32[], f32[16,2]) tuple(%zero, %x)
  %while.6 = (s32[], f32[16,2]) while(%in), condition=%unknown, \
body=%outer_body, backend_config={"known_trip_count":{"n":"3"}}
  %fusion.7 = bf16[8,2] fusion(%y), kind=kCustom, calls=%all-reduce-scatter
  %fusion.8 = (f32[4], f32[32]) fusion(%z), kind=kCustom, calls=%first_part
  %fusion.9 = f32[32] fusion(%z), kind=kCustom, calls=%next_part
  %permute-start = (f32[4], f32[4]) collective-permute-start(%z), \
source_target_pairs={{0,1},{1,0}}
  %permute-done = f32[4] collective-permute-done(%permute-start)
  ROOT %done = f32[16,2] get-tuple-element(%while.6), index=1
}
"""


def test_reads_kinds_groups_loops_and_who_asked():
  found = {one.kind: one for one in program.collectives(PROGRAM)}
  assert len(found) == len(program.collectives(PROGRAM)) == 4
  reduce = found["all-reduce"]
  assert (reduce.times, reduce.counted, reduce.devices) == (15, True, 4)
  assert reduce.operand_bytes == 16 * 2 * 4
  assert reduce.sent_bytes == 15 * 2 * 128 * 3 // 4
  scatter = found["reduce-scatter"]
  assert (scatter.devices, scatter.operand_bytes) == (8, 256)
  assert scatter.shapes == ((64, 2),)
  assert scatter.sent_bytes == 256 * 7 // 8
  gather = found["all-gather"]
  assert (gather.devices, gather.sent_bytes, gather.times) == (8, 16 * 7, 1)
  assert gather.functions == ("Slices.gather", "outer")
  assert found["collective-permute"].sent_bytes == 16


def test_a_loop_of_unknown_length_is_said_to_be_one():
  text = PROGRAM.replace("constant(5)", "parameter(1)")
  reduce = program.collectives(text)[0]
  assert (reduce.kind, reduce.times, reduce.counted) == ("all-reduce", 3, False)


@pytest.mark.parametrize("trips", [1, 5])
def test_counts_what_a_real_program_does(trips):
  mesh = meshes.make(1, 8, 1)
  slices = collectives.Slices(mesh)

  def own(x_bD):
    def body(total, _):
      y_ND = slices.gather(x_bD + total)
      return slices.total(y_ND.sum()), None

    total, _ = jax.lax.scan(body, jnp.float32(0), None, length=trips)
    return slices.sum_and_split(slices.gather(x_bD * total))

  each = jax.jit(slices.each(own, PartitionSpec("fsdp"), PartitionSpec("fsdp")))
  x = jax.ShapeDtypeStruct((64, 16), np.float32)
  text = each.lower(x).compile().as_text()
  found = program.collectives(text)
  assert all(one.counted and one.devices == 8 for one in found)

  def asked(name):
    return [one for one in found if name in one.functions]

  (scatter,) = asked("Slices.sum_and_split")
  assert scatter.kind == "reduce-scatter"
  assert scatter.sent_bytes == 64 * 16 * 4 * 7 // 8
  gathers = asked("Slices.gather")
  assert sum(one.times for one in gathers) == trips + 1
  assert {one.sent_bytes // one.times for one in gathers} == {8 * 16 * 4 * 7}
  assert sum(one.times for one in asked("Slices.total")) == trips
