"""What is published and to whom: rooms, the broadcast service, the events of AI runs."""
