"""
A cluster on this machine: what `galaxy up` starts and `galaxy down` stops.

`plan` decides, `settled` keeps what was decided in files, `ground` has the directory
for one at a time, `processes` and `remains` act, `bringup` and `teardown` are the
two stories told from beginning to end.
"""
