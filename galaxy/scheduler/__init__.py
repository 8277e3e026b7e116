"""Proposes where pods go. Keeps nothing: any number of schedulers may run."""
