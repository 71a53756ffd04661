"""A module for each noun, with a function for each route."""
