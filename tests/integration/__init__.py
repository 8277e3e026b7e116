"""Real daemons, real cgroups, real files, killed with -9."""
