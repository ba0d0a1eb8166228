"""Rows in, rows out; files of any size."""
