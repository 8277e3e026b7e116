"""People's commands in tasks, and their looks into the files of pods."""
