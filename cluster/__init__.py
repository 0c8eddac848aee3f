"""Where trials run: Ray Tune, local processes, this process, or a simulation."""
