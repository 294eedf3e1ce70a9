"""Migrations: a database that the tutorial made is taken over, and no way of running them loses a comment."""
