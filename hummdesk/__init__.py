"""The real-time heart of a customer-support desk."""
