"""Imports and reads what the processes of HummDesk need, before they are forked. See `tests.forked_process`."""

from hummdesk.core import unused_packages

with unused_packages.skipped():
    import celery.bin.worker
    import celery.concurrency.prefork
    import kombu.transport.redis
    import uvloop

    import hummdesk.cli
    import hummdesk.dev.sign_in
    import hummdesk.relay.process
    import hummdesk.server.app
    from hummdesk.ai import providers

providers.local_provider("embedded")

__all__ = ["celery", "hummdesk", "kombu", "uvloop"]
