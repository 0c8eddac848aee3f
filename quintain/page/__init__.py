"""The page that ``quintain serve`` shows to people: server-rendered, over the same records."""
