"""Delivery of packages."""
