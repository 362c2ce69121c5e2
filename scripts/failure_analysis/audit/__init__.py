"""The benchmark under audit: verdicts that contradict each other, or the run they judge."""
