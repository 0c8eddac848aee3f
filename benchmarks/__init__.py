"""Programs that measure quintain, for anyone to run."""
