"""The HTTP API `/api/v1`: what the console does, for programs, over the same services and with the same permissions."""
