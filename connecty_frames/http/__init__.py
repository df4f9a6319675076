"""One HTTP exchange and its repetition. Nothing here knows what is asked: that is the client's part."""
