"""Procedures: documented steps that people follow one at a time, with a record of who did what, when, on which version."""
