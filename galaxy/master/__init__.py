"""Owns jobs and placements: one leader, any number of standbys."""
