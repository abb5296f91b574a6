"""One module a command: it reads its arguments and calls what does the work."""
