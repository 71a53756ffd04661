"""`python -m bench.volume`: HummDesk on tables of years, beside an empty database in the same run."""
