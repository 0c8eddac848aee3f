"""The service: a queue of sweeps, the drivers that run them, REST in front."""
