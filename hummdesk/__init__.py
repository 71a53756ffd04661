"""HummDesk, the real-time server of a customer support desk."""

__version__ = "0.2.0"
