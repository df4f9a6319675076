"""Cells to typed arrays: one table decides, a module for each family of types."""
