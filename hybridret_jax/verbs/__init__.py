"""What the commands do, one after another."""
