"""Device meshes and process start-up."""
