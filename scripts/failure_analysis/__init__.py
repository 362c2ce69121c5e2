"""The library behind the scripts of the deep-error-analysis bundle."""
