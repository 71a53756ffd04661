"""How long certificates are valid."""

from datetime import UTC, datetime, timedelta

from hummdesk.core.certificates import certificate_findings


def test_certificate_is_reported_two_weeks_before_its_end_and_after_it() -> None:
    def reported(**left: float) -> list[str]:
        return [str(found) for found in certificate_findings("S3_ENDPOINT", datetime.now(UTC) + timedelta(**left))]

    remedy = "; renew it, and check its renewal"
    assert reported(days=15) == []
    assert reported(days=13, hours=1) == [f"S3_ENDPOINT: its certificate expires in 13 days{remedy}"]
    assert reported(hours=1) == [f"S3_ENDPOINT: its certificate expires in 0 days{remedy}"]
    assert reported(hours=-1) == [f"S3_ENDPOINT: its certificate has expired{remedy}"]
