"""Client of HummDesk: `hummdesk_client.rest` for the REST API, `hummdesk_client.socket` for the socket."""

__version__ = "0.2.0"
