"""A FastAPI service: users log in, see and boost their vehicles; a watch and webhooks record what happens."""
