"""The main job, ``python -m actors.demo``; empty, because workers import its analysis and must stay light."""
