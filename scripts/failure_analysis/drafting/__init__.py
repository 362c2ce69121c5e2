"""A first draft of a mapping, made from the keys and values of files of an unknown shape."""
