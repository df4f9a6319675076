"""Memory and time that hostile bodies take, beside code written by hand: ``make verify WHAT=bounds``."""
