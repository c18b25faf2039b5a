"""The telephone's signalling: calculations on a virtual clock, and real sockets where a test is marked `wire`."""
