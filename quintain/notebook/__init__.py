"""The lab notebook: a sweep, or a whole store, as one page that a new colleague reads alone."""
