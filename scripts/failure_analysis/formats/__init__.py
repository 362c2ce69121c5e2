"""One module per source format: bytes on disk in, datapoints out."""
