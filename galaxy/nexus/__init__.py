"""Where the metadata of the cluster lives, who is leader, where the leader listens."""
