"""Python interpreter processes: launch, wire, channel, certificate.

Nothing is imported here: the child imports `bridge.wire` and `bridge.interpreter` through this file, and each import
it does not need delays its start. Supervision of interpreters is not here; it is in `actors`.
"""
