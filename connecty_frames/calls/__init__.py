"""Many questions side by side, in threads and in event loops."""
