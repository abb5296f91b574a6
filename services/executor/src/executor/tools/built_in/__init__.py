"""The built-in tools, one module each. Its value `TOOL` says everything about one."""
