"""What is generated, one question a module; scripts/manifests.py writes it."""
