"""Imports and reads what the processes of HummDesk need, before they are forked. See `tests.forked_process`."""

import gc

from hummdesk.core import unused_packages

gc.disable()
with unused_packages.skipped():
    import celery.apps.worker
    import celery.concurrency.prefork
    import celery.worker.autoscale
    import celery.worker.components
    import celery.worker.consumer
    import celery.worker.control
    import kombu.transport.redis
    import uvloop

    import hummdesk.cli
    import hummdesk.dev.sign_in
    import hummdesk.relay.process
    import hummdesk.server.app
    import hummdesk.storage.ai_profiles
    import hummdesk.storage.knowledge
    import hummdesk.storage.model_calls
    from hummdesk.ai import automatic, knowledge_base, providers
    from hummdesk.ai.external import model

providers.local_provider("embedded")
gc.freeze()  # a collection in a forked process would copy all of these objects, which takes half a second
gc.enable()

__all__ = ["automatic", "celery", "hummdesk", "knowledge_base", "kombu", "model", "uvloop"]
