"""What `hummdesk doctor` reports of a bucket, from messages that are hard to cause, and of its address."""

import pytest

from hummdesk.core.config import Settings
from hummdesk.storage.s3_checks import connection_findings, failure

SETTINGS = Settings(file_store="s3://files/desk", s3_endpoint="https://s3.example.com")
REFUSED = "Error performing PUT https://s3.example.com/files/desk/x in 1s - Server returned non-2xx status code: "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{REFUSED}403 Forbidden: <Error><Code>AccessDenied</Code></Error>",
            "FILE_STORE: the bucket 'files' stores no objects for this key (AccessDenied); allow the key s3:PutObject, "
            "s3:GetObject, s3:DeleteObject and s3:ListBucket",
        ),
        (
            f"{REFUSED}503 Service Unavailable: ",
            "FILE_STORE: the bucket 'files' stores no objects (503 Service Unavailable); see the log of the server",
        ),
        (
            "Error performing PUT http://169.254.169.254/latest/api/token in 9s - HTTP error: error sending request",
            "S3_ACCESS_KEY_ID: is not set, and the machine has no credentials; set S3_ACCESS_KEY_ID and "
            "S3_SECRET_ACCESS_KEY, or assign the machine a role",
        ),
        (
            "HTTP error: error sending request Custom { kind: Other, error: InvalidMessage( InvalidContentType, )",
            "S3_ENDPOINT: https://s3.example.com does not answer (InvalidContentType); start it, or correct the "
            "address",
        ),
        ("", "S3_ENDPOINT: https://s3.example.com does not answer (Exception); start it, or correct the address"),
    ],
)
def test_failure_names_its_remedy(text: str, expected: str) -> None:
    found = failure(SETTINGS, "stores no objects", Exception(text))
    assert (str(found), found.severity) == (expected, "error")


def test_files_that_cross_the_internet_unencrypted_are_reported() -> None:
    [found] = connection_findings("http://8.8.8.8:9000")
    assert str(found) == "S3_ENDPOINT: files are sent through the internet unencrypted; write https://"
    assert found.severity == "warning"
    assert connection_findings("http://10.1.2.3:9000") == []
    assert connection_findings("http://[::1]:9000") == []
    assert connection_findings("") == []
