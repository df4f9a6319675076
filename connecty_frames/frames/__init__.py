"""Convert Arrow tables to pandas and polars frames, with the metadata of the answer."""
