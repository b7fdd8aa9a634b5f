"""Papers (`bot/papers.py`) as PDF and as HTML, and tables as CSV."""
