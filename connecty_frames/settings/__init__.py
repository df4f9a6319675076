"""The settings of a connection: their values, and the sources they come from."""
