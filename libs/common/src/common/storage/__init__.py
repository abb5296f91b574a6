"""What stores are built on: MongoDB, schemas, cursors, group commit."""
