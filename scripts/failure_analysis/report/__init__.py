"""The report: its numbers, its draft."""
