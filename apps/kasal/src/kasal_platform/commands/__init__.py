"""One module per command: it reads the arguments and calls the code that does the work."""
