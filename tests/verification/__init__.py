"""Programs that prove correctness, each with a short form among the tests."""
