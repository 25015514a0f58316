"""The command line, which composes the services."""
