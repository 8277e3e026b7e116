"""Packages: how they come to this machine, and into a workspace."""
