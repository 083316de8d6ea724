"""Tests before real servers, which the ordinary suite leaves out; scripts/test-live runs them."""

import os

collect_ignore = [] if "LIVE_SKYVERN" in os.environ else ["test_skyvern.py"]
