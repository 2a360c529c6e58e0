"""How an interpreter process comes to life, one module for each way.

What becomes of it afterwards is not here: see `bridge.interpreter_process`.
"""
