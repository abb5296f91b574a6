"""The command `kasal`. Its start imports neither the client nor what draws: `verbs` do, when they run."""
