"""Client of the REST API."""

from hummdesk_client.errors import NoResponseError, ProblemError
from hummdesk_client.rest.calls import CallOptions, etag_of
from hummdesk_client.rest.client import RestClient
from hummdesk_client.rest.feed import FeedError, FeedPosition

__all__ = ["CallOptions", "FeedError", "FeedPosition", "NoResponseError", "ProblemError", "RestClient", "etag_of"]
