"""Stage 2: which datapoints to read, how they are shown, and the ledger of what was judged."""
