"""Imports and reads what the processes of HummDesk need, before they are forked. See `tests.forked_process`."""

import gc

from hummdesk.core import unused_packages

gc.disable()
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
gc.freeze()  # a collection in a forked process would copy all of these objects, which takes half a second
gc.enable()

__all__ = ["celery", "hummdesk", "kombu", "uvloop"]
