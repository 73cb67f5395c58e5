"""A process for the tests of what speaks with processes."""

import os
import time

from benchmarks.workers import pipe


class Echo:
  """Answers with what it was given."""

  def repeat(self, said):
    print("a library's words")
    os.write(1, b"and those of its C code\n")
    return said

  def work(self, seconds):
    begun = time.perf_counter()
    until = time.process_time() + seconds
    while time.process_time() < until:
      pass
    return {"begun": time.monotonic(), "seconds": time.perf_counter() - begun}

  def hold(self, megabytes):
    return len(b"x" * (megabytes << 20)) >> 20

  def fail(self):
    raise ValueError("it cannot")


if __name__ == "__main__":
  pipe.serve(Echo())
