"""Tests of galaxy.client.jobfile."""
