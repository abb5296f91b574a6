"""The web layer of every service: the application, its server and protocols, bodies, parameters, callers."""
