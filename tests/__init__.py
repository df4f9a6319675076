"""The tests, and the programs and servers that they share."""
