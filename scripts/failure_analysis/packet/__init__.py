"""The failure review packet: counts, failing rows whole, findings, provisional modes.

Its files, by the names that every later step reads them by:"""

OUTCOMES, ROWS, TABLE = "outcomes.csv", "failure_review_rows.jsonl", "failure_review_rows.csv"
REJECTED, GRADINGS = "rejected_rows.jsonl", "gradings.csv"
STREAMS = (OUTCOMES, ROWS, TABLE, REJECTED)
