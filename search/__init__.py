"""What to try next, and what is known."""
