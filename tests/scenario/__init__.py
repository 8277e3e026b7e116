"""Whole clusters in one process, on one clock."""
