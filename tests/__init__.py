"""The tests mirror galaxy/; scenario/ runs whole clusters on one clock, integration/ real processes."""
