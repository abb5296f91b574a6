"""What stores stand on: MongoDB, schemas, cursors, group commit."""
