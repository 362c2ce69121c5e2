"""From files to rows: the format is detected, every row is accounted for."""
