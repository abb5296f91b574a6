"""One module per bench, with the bench's name; each has `run(rounds)`, which returns its report."""
