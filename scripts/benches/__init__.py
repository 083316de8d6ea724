"""What `scripts/bench` measures, one file a figure: each has `rows`, which measures and yields rows of the table."""
