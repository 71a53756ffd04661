"""What HummDesk costs, beside its peers: `python -m bench`. README.md says how each figure is measured."""
