"""Sinks that turn a tree's events into log lines; nothing is logged until one is subscribed."""
