"""What both ends of a connection share: frames, payloads, the board. Standard library only.

Neither sockets nor processes are opened here; the host's end is `bridge.channel`, the child's `bridge.interpreter`.
"""
