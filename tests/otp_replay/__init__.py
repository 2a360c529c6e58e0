"""Replays supervisor scenarios that were recorded from Erlang/OTP against ours: ``python -m tests.otp_replay FILE``.

What a file looks like is told by FORMAT.md of the corpus. From the file to the verdict: ``loader`` reads ``scenario``s;
a ``World`` plays one, ``core_world`` on the pure rules in virtual time and ``real_world`` on real actors; ``replay``
takes its steps in it; ``compare`` holds them against the recording; ``cli`` prints.
"""
