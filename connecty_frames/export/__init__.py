"""Arrow tables as files: text formats, Excel."""
