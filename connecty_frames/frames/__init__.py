"""Arrow tables as frames of pandas and polars, with the metadata of the answer."""
