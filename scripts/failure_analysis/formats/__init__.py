"""One module per source format: matches, sources, read."""
