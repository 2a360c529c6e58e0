"""The embedded session store: what a session must not lose, in SQLite, whichever worker serves it and however it dies.

Nothing is imported here: `sqlite3` is loaded by `database`, which is loaded when a store is used.
"""
