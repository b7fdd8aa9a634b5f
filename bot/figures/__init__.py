"""How the help desk is doing: figures of finished months and quarters, about ten cases or more."""
