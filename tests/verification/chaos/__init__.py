"""Questions through proxies that are killed, stopped and suspended."""
