"""Archives of failed runs: fetched from where they lie, unpacked safely."""
