"""Tests of galaxy.client.commands."""
