"""Processes in containers: started once, watched, ended, accounted for."""
