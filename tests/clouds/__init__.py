"""The client packages of cloud warehouses against servers on loopback: ``make test-clouds``."""
