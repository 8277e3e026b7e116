"""The daemon of each machine: takes pods, accounts for resources, drives tasks."""
