"""The version of the package, in its own module to avoid import cycles."""

__version__ = "0.1.0"
