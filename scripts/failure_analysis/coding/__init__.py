"""LLM coders: open codes for each sample, a codebook of all, and codes from it."""
