"""The rows of a body as columns of cells."""
