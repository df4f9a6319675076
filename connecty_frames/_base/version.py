"""The version of the package, in its own module that every other may import."""

__version__ = "0.1.0"
