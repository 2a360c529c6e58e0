"""The only import of pykka: what an actor's thread is, with the seven traps of that substrate closed.

What an actor means (handlers, replies, exit reasons) is in ``actor``; docs/pykka.md tells what pykka provides and
what is bypassed. Both kinds of actor here keep pykka's own references working: ``ask``, ``tell`` and proxies.
"""

from supervision._pykka.mailbox import (
    AskedFrom,
    Envelope,
    Inbox,
    is_proxy_message,
    is_stop,
    lead_through_door,
)
from supervision._pykka.plain import is_plain_actor, supervised
from supervision._pykka.thread import ThreadActor, own_attributes

__all__ = [
    "AskedFrom",
    "Envelope",
    "Inbox",
    "ThreadActor",
    "is_plain_actor",
    "is_proxy_message",
    "is_stop",
    "lead_through_door",
    "own_attributes",
    "supervised",
]
