"""The commands of an operator, one module for each group."""
