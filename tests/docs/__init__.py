"""Pages that are made from the code, and the tests that they are."""
