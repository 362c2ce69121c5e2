"""Journals of coding agents: where they are, what their steps say, the tree they make."""
