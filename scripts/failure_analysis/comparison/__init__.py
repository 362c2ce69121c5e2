"""Models (or runs) compared on the items that they share."""
