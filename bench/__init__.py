"""The benchmarks of HummDesk and its peers: `python -m bench`. README.md documents each measurement."""
