"""Response bytes to an Arrow table. Pure: no I/O, no clock, no pandas, no polars."""
