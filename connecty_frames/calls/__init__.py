"""A call: one question, or many side by side, in threads and in event loops."""
