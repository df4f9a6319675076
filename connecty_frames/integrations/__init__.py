"""What makes the package part of other tools: IPython, pandas, polars."""
