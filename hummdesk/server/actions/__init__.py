"""What a request of the socket and a route of the REST API share: functions that take the acting person."""
