"""What ``cast`` and ``Pin.rerun`` make of the types of three databases."""
