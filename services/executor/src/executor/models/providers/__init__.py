"""The model providers, one module each. Its value `PROVIDER` says everything about one."""
