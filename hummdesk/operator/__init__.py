"""The commands of the command line, one module a group, and what operators do with them."""
