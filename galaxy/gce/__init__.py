"""The Galaxy Container Engine: starts, watches and stops processes, in cgroups and namespaces."""
