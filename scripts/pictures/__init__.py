"""The pictures in docs/: each is drawn from what the program says when it is asked."""
