"""Malformed bodies: ``make verify WHAT=fuzz``.

Generated responses, most of them malformed on purpose, are read by ``Answer.from_json`` and compared with an
oracle that is written on the standard library alone.
"""
