"""Erlang/OTP's supervision for Python: actors, supervisors, links, monitors, and trees of them.

It knows nothing of processes. The names below are what one needs from day to day; the rest is in the modules.
"""

from supervision.actor import Actor
from supervision.backoff import Backoff
from supervision.child_spec import (
    BRUTAL_KILL,
    AutoShutdown,
    ChildSpec,
    ChildType,
    Restart,
    Strategy,
    SupFlags,
    check_childspecs,
)
from supervision.clock import Clock, MonotonicClock, VirtualClock
from supervision.dynamic_supervisor import DynamicSupervisor
from supervision.errors import SupervisionError
from supervision.events import Event
from supervision.exit_reason import KILLED, NORMAL, SHUTDOWN, ExitReason, crashed, shutdown
from supervision.messages import (
    IGNORE,
    NOREPLY,
    TIMEOUT,
    AwaitReady,
    Continue,
    Down,
    Exit,
    Reply,
    Response,
    Started,
    Stop,
    Timeout,
)
from supervision.pending import Pending
from supervision.ref import Ref
from supervision.requests import From
from supervision.serving import serve
from supervision.state_machine import StateMachine
from supervision.statem import TransitionTable
from supervision.supervisor import (
    Supervisor,
    count_children,
    delete_child,
    get_childspec,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from supervision.tree import Tree

__all__ = [
    "BRUTAL_KILL",
    "IGNORE",
    "KILLED",
    "NOREPLY",
    "NORMAL",
    "SHUTDOWN",
    "TIMEOUT",
    "Actor",
    "AutoShutdown",
    "AwaitReady",
    "Backoff",
    "ChildSpec",
    "ChildType",
    "Clock",
    "Continue",
    "Down",
    "DynamicSupervisor",
    "Event",
    "Exit",
    "ExitReason",
    "From",
    "MonotonicClock",
    "Pending",
    "Ref",
    "Reply",
    "Response",
    "Restart",
    "Started",
    "StateMachine",
    "Stop",
    "Strategy",
    "SupFlags",
    "SupervisionError",
    "Supervisor",
    "Timeout",
    "TransitionTable",
    "Tree",
    "VirtualClock",
    "check_childspecs",
    "count_children",
    "crashed",
    "delete_child",
    "get_childspec",
    "restart_child",
    "serve",
    "shutdown",
    "start_child",
    "terminate_child",
    "which_children",
]
