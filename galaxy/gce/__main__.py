"""`python -m galaxy.gce`: the engine as a process."""

from galaxy.gce.main import main

if __name__ == "__main__":
    main()
