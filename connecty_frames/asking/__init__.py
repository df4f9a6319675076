"""One question, sent once: from its options to the bytes of its answer. Imports no frame library."""
