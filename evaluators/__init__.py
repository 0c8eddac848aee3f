"""How good is one configuration, and what did it cost."""
