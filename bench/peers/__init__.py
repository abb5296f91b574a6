"""What is measured beside ours, each in an environment or a process of its own."""
