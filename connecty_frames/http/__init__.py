"""One HTTP exchange and its retries. The requests themselves are in ``asking``."""
