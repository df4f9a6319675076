"""One HTTP exchange and its retries. What is requested is decided in ``asking``."""
