"""Client of the REST API."""

from hummdesk_client.errors import NoResponseError, ProblemError
from hummdesk_client.rest.calls import CallOptions, etag_of
from hummdesk_client.rest.client import RestClient

__all__ = ["CallOptions", "NoResponseError", "ProblemError", "RestClient", "etag_of"]
