"""People's commands and looks."""
