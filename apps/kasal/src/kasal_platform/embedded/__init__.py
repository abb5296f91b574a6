"""The whole platform in one process, over stand-ins for MongoDB, RabbitMQ and Redis."""
