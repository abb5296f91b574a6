"""What the cases share: processes, loads, clients, reports, and our own side."""
