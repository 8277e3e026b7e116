"""One contract over every provider of the nexus."""
