"""
From a job file to a `JobDescriptor`, or to everything that is wrong with it.

`reader` is the way in; `jsonc` and `tomltext` parse and keep positions, `schema`
says which keys and kinds there are, `build` makes the descriptor.
"""
