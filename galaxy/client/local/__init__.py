"""
A cluster on this machine: what `galaxy up` starts and `galaxy down` stops.

`plan` decides, `processes` and `remains` act, `bringup` and `teardown` are the
two stories told from beginning to end.
"""
