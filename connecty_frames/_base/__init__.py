"""Base modules for all others: clock, texts, secrets, lazy names."""
