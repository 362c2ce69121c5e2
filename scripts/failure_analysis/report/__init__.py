"""The report: drafted, written, and proved claim by claim."""
