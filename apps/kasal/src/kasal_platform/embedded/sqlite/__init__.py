"""An embedded document store over SQLite that answers as MongoDB does, for what our stores ask."""
