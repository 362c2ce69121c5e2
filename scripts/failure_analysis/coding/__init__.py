"""Coders: what they call a failure, and how far they agree."""
