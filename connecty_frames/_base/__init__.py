"""What every module may use: clock, texts, secrets, lazy names."""
