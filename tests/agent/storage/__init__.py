"""Disks and their bounds."""
