"""Two runs of one benchmark: what changed between them, and whether it is more than noise."""
