"""Four ways to look at failures (surface, fft, compression, hazard) and what they say together."""
