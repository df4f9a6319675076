"""All that users see, from Arrow tables, without a frame library; only ``progress`` loads fast."""
