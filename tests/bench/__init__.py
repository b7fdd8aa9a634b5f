"""Measurements, never in CI. `make bench` runs all; `python -m tests.bench start` only one."""
