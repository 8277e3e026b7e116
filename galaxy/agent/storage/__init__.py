"""What pods keep on disks: volumes, tmpfs, and the bounds of both and of workspaces."""
