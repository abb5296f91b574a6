"""One module a bench, named as the bench; each has `run(rounds)`, which returns its report."""
