"""Rows in, rows out; files of any size; the same on a Dask cluster."""
