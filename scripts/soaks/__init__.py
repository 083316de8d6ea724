"""A server under clients that come and go, and what it holds on to."""
