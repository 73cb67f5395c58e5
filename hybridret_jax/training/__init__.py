"""Loss, optimizer, state, step and checkpoints."""
