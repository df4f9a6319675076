"""Arrow arrays from buffers, and compute functions without their slow import."""
