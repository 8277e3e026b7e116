"""Tests of galaxy.client.local."""
