"""What goes wrong in a clinic's machine room, done on purpose: one function a fault, a file a subject.

Each takes the `Ground` (ground.py) that it happens on, sends photos through the API, breaks something and mends it;
what must hold afterwards is the ground's to judge, and the same for all.
"""
