"""The tests mirror galaxy/; scenario/ runs clusters on one clock, integration/ real processes."""
