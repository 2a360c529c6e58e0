"""What users call: pools of Python interpreter processes under supervisors, sessions that stick to a worker, all errors.

Light to import: a name is loaded when it is first used (PEP 562), because the worker processes import this package
too, when they are sent a function of ``actors.demo``.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as typing's, whose import takes longer than all of this
if TYPE_CHECKING:
    from actors.errors import CallExpired as CallExpired
    from actors.errors import NoAnswer as NoAnswer
    from actors.errors import PoolCannotStart as PoolCannotStart
    from actors.errors import PoolError as PoolError
    from actors.errors import PoolGaveUp as PoolGaveUp
    from actors.errors import PoolNotRunning as PoolNotRunning
    from actors.errors import PoolSaturated as PoolSaturated
    from actors.errors import SessionBusy as SessionBusy
    from actors.errors import SessionExpired as SessionExpired
    from actors.errors import SessionLost as SessionLost
    from actors.errors import SessionNotBound as SessionNotBound
    from actors.errors import UnknownOption as UnknownOption
    from actors.future import CallFuture as CallFuture
    from actors.mapping import MapResults as MapResults
    from actors.options import PoolOptions as PoolOptions
    from actors.pool import Pool as Pool
    from actors.session import Session as Session
    from actors.status import Choice as Choice
    from actors.status import PoolStatus as PoolStatus
    from actors.status import SessionStatus as SessionStatus
    from actors.status import WorkerStatus as WorkerStatus
    from actors.store.errors import MigrationFailed as MigrationFailed
    from actors.store.errors import NotOwner as NotOwner
    from actors.store.errors import NotStorable as NotStorable
    from actors.store.errors import NotStored as NotStored
    from actors.store.errors import StoreBusy as StoreBusy
    from actors.store.errors import StoreClosed as StoreClosed
    from actors.store.errors import StoreError as StoreError
    from actors.store.errors import StoreFull as StoreFull
    from actors.store.errors import StoreUnusable as StoreUnusable
    from actors.store.errors import VersionConflict as VersionConflict
    from actors.store.session_store import SessionStore as SessionStore
    from actors.store.values import StoredSession as StoredSession
    from bridge.errors import AdapterSetUpFailed as AdapterSetUpFailed
    from bridge.errors import BridgeError as BridgeError
    from bridge.errors import CallCancelled as CallCancelled
    from bridge.errors import CallDeadline as CallDeadline
    from bridge.errors import ChannelUnavailable as ChannelUnavailable
    from bridge.errors import FunctionRefused as FunctionRefused
    from bridge.errors import HubClosed as HubClosed
    from bridge.errors import InspectionFailed as InspectionFailed
    from bridge.errors import InterpreterUnusable as InterpreterUnusable
    from bridge.errors import LaunchFailed as LaunchFailed
    from bridge.errors import NoPong as NoPong
    from bridge.errors import NotPicklable as NotPicklable
    from bridge.errors import PlatformUnsupported as PlatformUnsupported
    from bridge.errors import ProtocolError as ProtocolError
    from bridge.errors import RemoteError as RemoteError
    from bridge.errors import RemoteTraceback as RemoteTraceback
    from bridge.errors import RunDirectoryUnusable as RunDirectoryUnusable
    from bridge.errors import WorkerDied as WorkerDied
    from bridge.ladder import Graces as Graces
    from bridge.options import InterpreterOptions as InterpreterOptions
    from supervision.errors import ActorExited as ActorExited
    from supervision.errors import AlreadyPresent as AlreadyPresent
    from supervision.errors import AlreadyRegistered as AlreadyRegistered
    from supervision.errors import AlreadyStarted as AlreadyStarted
    from supervision.errors import CallSelf as CallSelf
    from supervision.errors import CallTimeout as CallTimeout
    from supervision.errors import ChildActive as ChildActive
    from supervision.errors import ChildExists as ChildExists
    from supervision.errors import ChildRestarting as ChildRestarting
    from supervision.errors import ChildRunning as ChildRunning
    from supervision.errors import InvalidSpec as InvalidSpec
    from supervision.errors import MaxChildren as MaxChildren
    from supervision.errors import NoProcess as NoProcess
    from supervision.errors import NoSuchChild as NoSuchChild
    from supervision.errors import NotMainThread as NotMainThread
    from supervision.errors import RequestAbandoned as RequestAbandoned
    from supervision.errors import SenderKilled as SenderKilled
    from supervision.errors import SimpleOneForOne as SimpleOneForOne
    from supervision.errors import StartError as StartError
    from supervision.errors import StopFromWithin as StopFromWithin
    from supervision.errors import SupervisionError as SupervisionError
    from supervision.errors import TakesNoMessages as TakesNoMessages
    from supervision.errors import TreeEnded as TreeEnded
    from supervision.errors import TreeNotRunning as TreeNotRunning
    from supervision.statem import IllegalTransition as IllegalTransition

__all__ = [
    "ActorExited",
    "AdapterSetUpFailed",
    "AlreadyPresent",
    "AlreadyRegistered",
    "AlreadyStarted",
    "BridgeError",
    "CallCancelled",
    "CallDeadline",
    "CallExpired",
    "CallFuture",
    "CallSelf",
    "CallTimeout",
    "ChannelUnavailable",
    "ChildActive",
    "ChildExists",
    "ChildRestarting",
    "ChildRunning",
    "Choice",
    "FunctionRefused",
    "Graces",
    "HubClosed",
    "IllegalTransition",
    "InspectionFailed",
    "InterpreterOptions",
    "InterpreterUnusable",
    "InvalidSpec",
    "LaunchFailed",
    "MapResults",
    "MaxChildren",
    "MigrationFailed",
    "NoAnswer",
    "NoPong",
    "NoProcess",
    "NoSuchChild",
    "NotMainThread",
    "NotOwner",
    "NotPicklable",
    "NotStorable",
    "NotStored",
    "PlatformUnsupported",
    "Pool",
    "PoolCannotStart",
    "PoolError",
    "PoolGaveUp",
    "PoolNotRunning",
    "PoolOptions",
    "PoolSaturated",
    "PoolStatus",
    "ProtocolError",
    "RemoteError",
    "RemoteTraceback",
    "RequestAbandoned",
    "RunDirectoryUnusable",
    "SenderKilled",
    "Session",
    "SessionBusy",
    "SessionExpired",
    "SessionLost",
    "SessionNotBound",
    "SessionStatus",
    "SessionStore",
    "SimpleOneForOne",
    "StartError",
    "StopFromWithin",
    "StoreBusy",
    "StoreClosed",
    "StoreError",
    "StoreFull",
    "StoreUnusable",
    "StoredSession",
    "SupervisionError",
    "TakesNoMessages",
    "TreeEnded",
    "TreeNotRunning",
    "UnknownOption",
    "VersionConflict",
    "WorkerDied",
    "WorkerStatus",
]

_MODULES = {
    "actors.errors": (
        "CallExpired",
        "NoAnswer",
        "PoolCannotStart",
        "PoolError",
        "PoolGaveUp",
        "PoolNotRunning",
        "PoolSaturated",
        "SessionBusy",
        "SessionExpired",
        "SessionLost",
        "SessionNotBound",
        "UnknownOption",
    ),
    "actors.future": ("CallFuture",),
    "actors.mapping": ("MapResults",),
    "actors.options": ("PoolOptions",),
    "actors.pool": ("Pool",),
    "actors.session": ("Session",),
    "actors.status": ("Choice", "PoolStatus", "SessionStatus", "WorkerStatus"),
    "actors.store.errors": (
        "MigrationFailed",
        "NotOwner",
        "NotStorable",
        "NotStored",
        "StoreBusy",
        "StoreClosed",
        "StoreError",
        "StoreFull",
        "StoreUnusable",
        "VersionConflict",
    ),
    "actors.store.session_store": ("SessionStore",),
    "actors.store.values": ("StoredSession",),
    "bridge.errors": (
        "AdapterSetUpFailed",
        "BridgeError",
        "CallCancelled",
        "CallDeadline",
        "ChannelUnavailable",
        "FunctionRefused",
        "HubClosed",
        "InspectionFailed",
        "InterpreterUnusable",
        "LaunchFailed",
        "NoPong",
        "NotPicklable",
        "PlatformUnsupported",
        "ProtocolError",
        "RemoteError",
        "RemoteTraceback",
        "RunDirectoryUnusable",
        "WorkerDied",
    ),
    "bridge.ladder": ("Graces",),
    "bridge.options": ("InterpreterOptions",),
    "supervision.errors": (
        "ActorExited",
        "AlreadyPresent",
        "AlreadyRegistered",
        "AlreadyStarted",
        "CallSelf",
        "CallTimeout",
        "ChildActive",
        "ChildExists",
        "ChildRestarting",
        "ChildRunning",
        "InvalidSpec",
        "MaxChildren",
        "NoProcess",
        "NoSuchChild",
        "NotMainThread",
        "RequestAbandoned",
        "SenderKilled",
        "SimpleOneForOne",
        "StartError",
        "StopFromWithin",
        "SupervisionError",
        "TakesNoMessages",
        "TreeEnded",
        "TreeNotRunning",
    ),
    "supervision.statem": ("IllegalTransition",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
