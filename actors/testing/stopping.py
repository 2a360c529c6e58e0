"""Stop a tree at the end of its test, in bounded real time whichever clock the tree has.

What the stop leaves behind is not looked for here; see ``leaks``.
"""

from __future__ import annotations

import threading

from supervision import Tree, VirtualClock

__all__ = ["stop_tree"]

#: Real seconds for children that stop as soon as they are asked.
PROMPT = 2.0
#: Virtual seconds that pass, one at a time, for those whose shutdown time has to expire first.
PATIENCE = 120


def stop_tree(tree: Tree) -> tuple[str, ...]:
    """Stop *tree* and return the names of what would not stop. Blocks for a few real seconds at most.

    In virtual time no deadline comes by itself. So a second thread stops the tree, while this one moves the
    clock on if that takes long: a child that ignores its shutdown is abandoned, as it would be in real time.
    """
    stopper = threading.Thread(target=tree.stop, name=f"stop {tree.name}", daemon=True)
    stopper.start()
    stopper.join(PROMPT)
    for _ in range(PATIENCE):
        if not stopper.is_alive():
            break
        if isinstance(tree.clock, VirtualClock):
            tree.clock.advance(1.0)
        stopper.join(0.1)
    if stopper.is_alive():
        return (tree.name,)
    return tuple(ref.name for ref in tree.unstopped())
